"""Operations made once into plans: variables to requests, and the bytes of the answers to JSON, without resolvers."""
