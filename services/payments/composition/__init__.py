"""Payments put together, one part after the other."""
