"""The words of the trade: money, securities, orders, reports, positions. Pure: no clock, file, socket or log."""
