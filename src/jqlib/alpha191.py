"""Importable as on JoinQuant; its functions are not supported and say so when they are called."""

from bullet_trade.strategy import registry as _registry

_STAND_INS = _registry.stand_ins("jqlib.alpha191")
globals().update(_STAND_INS)

__all__ = [*_STAND_INS]  # noqa: PLE0604 - names come from the table


def __getattr__(name: str) -> object:
    return _registry.stand_in("jqlib.alpha191", name)
