"""Social's database."""
