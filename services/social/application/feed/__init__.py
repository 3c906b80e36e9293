"""The home feed, stage by stage."""
