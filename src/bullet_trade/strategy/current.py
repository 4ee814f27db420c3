"""The one place that knows which run a strategy's function call belongs to.

The run is bound to the context of the engine thread, so two engines in one process do not see each other, and a thread
that a strategy starts by itself belongs to none: the engine's state may be touched by the engine thread alone.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from bullet_trade.domain.errors import StrategyError

if TYPE_CHECKING:
    from bullet_trade.strategy.session import Session

_current: ContextVar[Session] = ContextVar("bullet_trade_session")

bind = _current.set


def session() -> Session:
    """The run whose strategy is calling. Raises `StrategyError` outside a run or from a strategy's own thread."""
    try:
        return _current.get()
    except LookupError:
        raise StrategyError(
            "策略函数只能在引擎调用的策略回调里使用",
            "用 bullet-trade live 策略文件.py 运行；不要在策略自建的线程里调用交易和行情函数",
        ) from None
