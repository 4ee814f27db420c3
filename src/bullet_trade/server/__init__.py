"""`bullet-trade server`: a terminal's data and trading for strategies on other machines."""
