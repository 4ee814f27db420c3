"""The brake: the one thing in the engine that threads other than the engine's own may set.

Running, paused (no callbacks of the strategy on schedule, and none of its orders), halted (no orders at all but the
operator's own). `ended` comes on top when the run is being left. The desk reads it last, inside `leaving`, the lock
under which an order goes out: when `halt` has returned, no order can leave any more.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from threading import Lock

import msgspec

from bullet_trade.domain.securities import Code
from bullet_trade.market.refusal import Refusal

LEAVING_S = 0.5
"""How long a halt waits for an order that is just being handed to the broker. Adapters return at once."""


class BrakeMode(Enum):
    """How much may go on."""

    RUNNING = "running"
    PAUSED = "paused"
    HALTED = "halted"


class BrakeState(msgspec.Struct, frozen=True):
    """The brake as it stands. `at` is exchange time in ISO form; `number` counts the changes."""

    mode: BrakeMode = BrakeMode.RUNNING
    who: str = ""
    why: str = ""
    at: str = ""
    number: int = 0


Keep = Callable[[BrakeState], None]
"""Writes the state where a restart finds it. Raises `OSError`."""


def _keep_nothing(_: BrakeState) -> None:
    """A brake that lives as long as its process."""


class Brake:
    """A latched flag. All methods may be called from any thread; changes are kept before they return."""

    def __init__(self, state: BrakeState | None = None, keep: Keep = _keep_nothing) -> None:
        self._state = state or BrakeState()
        self._keep = keep
        self._changing = Lock()
        self._keeping = Lock()
        self.leaving = Lock()
        """Held around the last look at the brake and the handing over of an order."""
        self._ended = ""

    @property
    def state(self) -> BrakeState:
        """The present state, immutable."""
        return self._state

    @property
    def halted(self) -> bool:
        """Whether no order of the strategy may leave, by the operator's emergency stop."""
        return self._state.mode is BrakeMode.HALTED

    @property
    def paused(self) -> bool:
        """Whether the strategy is not to be called on schedule."""
        return self._state.mode is BrakeMode.PAUSED

    @property
    def holds(self) -> bool:
        """Whether orders of the strategy are refused at present."""
        return self._state.mode is not BrakeMode.RUNNING or bool(self._ended)

    def halt(self, who: str, why: str, at: str) -> bool:
        """Refuse all orders from this instant on; stronger than a pause.

        False when an order was just being handed over and did not come to an end within `LEAVING_S`. Raises `OSError`
        when the state could not be kept: it holds all the same, for this process only.
        """
        self._change(BrakeMode.HALTED, who, why, at)
        quiet = self.wait_for_leaving()
        self._save()
        return quiet

    def pause(self, who: str, why: str, at: str) -> bool:
        """Hold the strategy; False, with nothing changed, under a halt. Raises `OSError` as `halt` does."""
        with self._changing:
            if self.halted:
                return False
            self._set(BrakeMode.PAUSED, who, why, at)
        self._save()
        return True

    def resume(self, who: str, why: str, at: str, seen: int) -> bool:
        """Let go. `seen` is the number of the state that the operator wanted to end: False, with nothing changed, when
        the brake was set anew since. Raises `OSError` as `halt` does."""
        with self._changing:
            if self._state.number != seen:
                return False
            self._set(BrakeMode.RUNNING, who, why, at)
        self._save()
        return True

    def end(self, reason: str) -> None:
        """The run is being left: no order goes out any more. Ends with the process."""
        self._ended = reason

    def wait_for_leaving(self) -> bool:
        """Wait until an order that is just being handed over has left; False when that takes too long."""
        if not self.leaving.acquire(timeout=LEAVING_S):
            return False
        self.leaving.release()
        return True

    def refusal(self, code: Code, by_operator: bool) -> Refusal | None:
        """Why an order must not leave now, None when it may. The operator's own orders pass pause and halt."""
        if self._ended:
            return Refusal("stopping", f"{code} 下单", f"引擎正在停止（{self._ended}）", "请在重新启动后再下单")
        state = self._state
        if by_operator or state.mode is BrakeMode.RUNNING:
            return None
        word = "急停有效" if state.mode is BrakeMode.HALTED else "策略已暂停"
        when = state.at[:19].replace("T", " ")
        told = f"{word}（{state.who}，{when}{f'，{state.why}' if state.why else ''}）"
        return Refusal(state.mode.value, f"{code} 下单", told, "确认安全后执行 bullet-trade resume")

    def _change(self, mode: BrakeMode, who: str, why: str, at: str) -> None:
        with self._changing:
            self._set(mode, who, why, at)

    def _set(self, mode: BrakeMode, who: str, why: str, at: str) -> None:
        self._state = BrakeState(mode, who, why, at, self._state.number + 1)

    def _save(self) -> None:
        with self._keeping:  # whoever comes last writes what holds then
            self._keep(self._state)
