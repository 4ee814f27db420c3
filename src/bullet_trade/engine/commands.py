"""What other threads put into the inbox besides reports: the operator's commands, and what the watchdog has seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec


class Who(msgspec.Struct, frozen=True):
    """The person at the keyboard, as the command line states it: user of the system, process, terminal ('': none)."""

    user: str
    pid: int
    tty: str

    @property
    def text(self) -> str:
        """For people: ``li（pts/3，进程 4711）``."""
        return f"{self.user}（{f'{self.tty}，' if self.tty else ''}进程 {self.pid}）"


class SaleLine(msgspec.Struct, frozen=True):
    """What selling one position out comes to: `amount` held, `sellable` of it now, at about `price` yuan.

    `obstacle` says why it is left out, or why a part of it is; '' for nothing in the way.
    """

    code: str
    name: str
    amount: int
    sellable: int
    price: float
    obstacle: str


class Answer(msgspec.Struct, frozen=True):
    """What came of a command. `code` is a stable name; `orders` are the numbers of orders placed or cancelled."""

    ok: bool
    code: str
    text: str
    orders: tuple[int, ...] = ()
    plan: tuple[SaleLine, ...] = ()


def _unheard(_: Answer) -> None:
    """A command whose giver does not wait."""


def _wanted() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class OperatorCommand:
    """One command on its way to the engine thread.

    `received_at` is the machine's Beijing time in ISO form: the engine may be busy for long before it comes to it.
    `tags` are orders that the control thread has already asked the broker to cancel. `brake` is the number of the
    brake's state when the command was given. `claim` False: the giver has stopped waiting, and nothing must be done;
    `answer` takes the outcome. Both are called once, on the engine thread.
    """

    name: str
    who: Who
    received_at: str
    why: str = ""
    tags: tuple[str, ...] = ()
    brake: int = 0
    claim: Callable[[], bool] = _wanted
    answer: Callable[[Answer], None] = _unheard


class OverdueSeen(msgspec.Struct, frozen=True):
    """A callback has been running for `seconds`; `where` is the line of the strategy that it is at."""

    callback: str
    seconds: float
    where: str


class OverdueEnded(msgspec.Struct, frozen=True):
    """A callback that was overdue has come to its end; `conflated` ticks were replaced by newer ones meanwhile."""

    callback: str
    seconds: float
    conflated: int
