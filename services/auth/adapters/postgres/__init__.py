"""auth's own database."""
