"""JoinQuant's module name: ``from jqdata import *`` gives a strategy the functions of the engine that runs it."""

from bullet_trade.strategy import api as _api
from bullet_trade.strategy import registry as _registry

globals().update(_api.default_namespace())

__all__ = [*_api.NAMES, *_api.MODULES, *_api.PER_RUN]  # noqa: PLE0604 - names come from the table


def __getattr__(name: str) -> object:
    return _api.per_run(name) if name in _api.PER_RUN else _registry.stand_in("jqdata", name)
