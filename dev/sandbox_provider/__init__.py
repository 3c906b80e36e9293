"""A payment provider for development and tests: no money, but all the trouble of real ones, in a process of its own."""
