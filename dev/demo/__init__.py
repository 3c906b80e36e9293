"""A demo community of our own making: people, posts, follows, likes and tips, the same for the same seed."""
