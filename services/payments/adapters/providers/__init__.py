"""Payment providers over HTTP, each behind the same port."""
