"""Wallets, top-ups and tips on a double-entry ledger in piastres."""
