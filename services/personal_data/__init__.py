"""What a service holds about a person, page by page: served by those that hold, read by auth, which makes copies."""
