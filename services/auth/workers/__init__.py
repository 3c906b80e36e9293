"""auth's other processes."""
