"""The command line: thin, it parses, composes and runs."""
