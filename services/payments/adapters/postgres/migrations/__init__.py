"""Migrations of the payments database."""
