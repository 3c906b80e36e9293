"""From an annotated schema to resolvers: each field is bound to the RPC and protobuf field that it names."""
