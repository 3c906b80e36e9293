"""The ledger in PostgreSQL: postings, top-ups, statements and checks."""
