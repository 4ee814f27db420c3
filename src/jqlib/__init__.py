"""JoinQuant's library package."""
