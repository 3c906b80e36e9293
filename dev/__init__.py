"""One machine: embedded stores, the supervisor, the loader and the demo community."""
