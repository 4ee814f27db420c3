"""JoinQuant."""
