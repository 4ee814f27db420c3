"""JoinQuant's technical indicators: `series`, `formulas` over them, and the `functions` that strategies call."""
