"""The payments service's database, provider and peers behind the application's ports."""
