"""Posts, profiles, the graph, and feeds ranked out of them."""
