"""What auth's ports are in the world: PostgreSQL, Argon2, JWTs, phone numbers."""
