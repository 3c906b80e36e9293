"""From an annotated schema to resolvers: every field is bound to the RPC and protobuf field that its annotations name."""
