"""Real PostgreSQL and Redis servers out of wheels, run as our own child processes."""
