"""Revisions of the social database, in order."""
