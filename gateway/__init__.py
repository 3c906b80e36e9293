"""The GraphQL edge of DAIRA: HTTP in, gRPC out."""
