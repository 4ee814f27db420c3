"""JoinQuant's factor module: what works here, and stand-ins that fail with the remedy when they are called."""

from bullet_trade.strategy import registry as _registry
from bullet_trade.strategy.data.provider_functions import get_factor_values
from bullet_trade.strategy.factor_processing import Factor, standardlize, winsorize, winsorize_med

_STAND_INS = _registry.stand_ins("jqfactor")
globals().update(_STAND_INS)

__all__ = ["Factor", "get_factor_values", "standardlize", "winsorize", "winsorize_med", *_STAND_INS]  # noqa: PLE0604 - names of the table


def __getattr__(name: str) -> object:
    return _registry.stand_in("jqfactor", name)
