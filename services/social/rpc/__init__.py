"""Social's gRPC services."""
