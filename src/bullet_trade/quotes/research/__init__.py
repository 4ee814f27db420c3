"""Providers of research data (fundamentals, factors, money flow): a directory of tables, or jqdatasdk."""
