"""GraphQL over HTTP: routes, content negotiation, bodies, statuses."""
