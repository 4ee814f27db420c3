"""JoinQuant's module name: ``from jqdata import *`` gives a strategy the functions of the engine that runs it."""

from bullet_trade.strategy import api as _api

globals().update(_api.NAMES)
globals().update(_api.MODULES)

__all__ = [*_api.NAMES, *_api.MODULES, *_api.PER_RUN]  # noqa: PLE0604 - names come from the table


def __getattr__(name: str) -> object:
    if name in _api.PER_RUN:
        return _api.per_run(name)
    raise AttributeError(f"jqdata 没有 {name}：该函数暂不支持")
