"""What happened on the platform, counted."""
