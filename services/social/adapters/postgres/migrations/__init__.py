"""Revisions of the social database."""
