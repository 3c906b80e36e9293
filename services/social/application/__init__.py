"""Use cases of social and the ports they need."""
