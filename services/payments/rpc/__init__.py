"""The payments service as gRPC: requests in, answers out."""
