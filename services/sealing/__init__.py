"""Secrets at rest: sealed under keys made from a service's root key, which the key in its settings seals."""
