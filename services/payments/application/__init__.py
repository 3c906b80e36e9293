"""What the payments service does, one file per use case, and the ports it needs."""
