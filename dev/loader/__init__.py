"""Fills the platform with people, follows, posts and likes in bulk, as the write path would have left them."""
