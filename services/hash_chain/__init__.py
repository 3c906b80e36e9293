"""Hash chains that what was written is bound by, and signed statements of where they stand."""
