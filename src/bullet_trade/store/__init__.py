"""The runtime directory: journal, saved state, `g`, and the lock that keeps a second engine out."""
