"""Baselines that others would use for the same work."""
