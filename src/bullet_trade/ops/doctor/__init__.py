"""`bullet-trade doctor`: small checks of what a run needs, each with what it found, what that means and what to do."""
