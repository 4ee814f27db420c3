"""The built-in simulated exchange and the account that trades on it."""
