"""JoinQuant's package of the strategy environment."""
