"""The column store, embedded or on a server, behind one portable SQL."""
