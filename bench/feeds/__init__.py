"""What the feed's figures are made of: ways to ask, loops, caches lost, stages, and a page by SQL beside them."""
