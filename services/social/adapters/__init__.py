"""What connects social to its stores, its peers and the extension."""
