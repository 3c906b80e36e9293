"""What any service is bolted to: server, client, errors, stores, events; no domain word is in it."""
