"""Revisions of the payments database, in order."""
