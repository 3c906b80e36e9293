"""What analytics does: one use case a file, and the ports they need."""
