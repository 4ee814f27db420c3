"""The broker over a `bullet-trade server` on another machine."""
