"""JoinQuant's technical indicators; see docs/api.md for the list."""

from bullet_trade.strategy import registry as _registry
from bullet_trade.strategy.technical.functions import FUNCTIONS as _FUNCTIONS

globals().update(_FUNCTIONS)

__all__ = [*_FUNCTIONS]  # noqa: PLE0604 - names come from the table


def __getattr__(name: str) -> object:
    return _registry.stand_in("jqlib.technical_analysis", name)
