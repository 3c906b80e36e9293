"""What payments serves over HTTP: the door for providers."""
