"""A stand-in for a QMT terminal: the vendor's own Python layer runs unmodified over a replaced native module."""
