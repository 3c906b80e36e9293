"""Parts of auth that are put together from many small ones."""
