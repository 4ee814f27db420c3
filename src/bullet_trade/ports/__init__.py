"""The sockets of the engine: small protocols, named by what the engine needs. Adapters plug into them."""
