"""Rules of social, in plain Python."""
