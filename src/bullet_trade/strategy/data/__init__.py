"""The data functions of a strategy: what it may see at an instant, in JoinQuant's shapes."""
