"""The rules of accounts, sessions and keys; standard library only."""
