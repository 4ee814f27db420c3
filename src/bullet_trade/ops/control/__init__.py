"""The operator's way into a running engine: a local socket, one thread, a handful of commands."""
