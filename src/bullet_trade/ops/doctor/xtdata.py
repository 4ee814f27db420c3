"""The terminal's quotes as the checks look at them, asked for by the same calls as in a run."""

from __future__ import annotations

from datetime import timedelta

from bullet_trade.domain.errors import DataError
from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import Clock
from bullet_trade.market.codes import to_qmt
from bullet_trade.ops.doctor.site import DayBar, Snapshot
from bullet_trade.ops.qmt_quotes import load_xtdata
from bullet_trade.quotes.qmt import bars
from bullet_trade.quotes.qmt.moments import day_text, moment
from bullet_trade.quotes.qmt.snapshots import number
from bullet_trade.quotes.qmt.terminal import Terminal
from bullet_trade.quotes.qmt.terms import QuoteTerms
from bullet_trade.quotes.qmt_remote.bars import times

LIMIT_S = 15.0
TERMS = QuoteTerms(call_s=LIMIT_S, history_s=LIMIT_S, silent_s=LIMIT_S)
BACK = timedelta(days=30)
"""Longer than any holiday."""


class XtDataQuotes:
    """Implements `TerminalQuotes`."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def snapshot(self, code: Code) -> Snapshot | None:
        row = self._terminal.full_ticks([to_qmt(code)]).get(to_qmt(code))
        if not row:
            return None
        try:
            figures = (number(row[name]) for name in ("lastPrice", "high", "low", "volume", "amount"))
            return Snapshot(moment(number(row["time"])), *figures)
        except (KeyError, TypeError) as error:
            raise DataError(f"{code} 的快照无法读取：{error!r}", "升级 QMT 和 xtquant") from error

    def day_bars(self, code: Code) -> list[DayBar]:
        name, today = to_qmt(code), self._terminal.clock.now().date()
        first, last = day_text(today - BACK), day_text(today)
        self._terminal.download([name], "1d", first, last)
        table = self._terminal.table(name, "1d", first, last)
        if table is None or not len(table):
            return []
        found = bars.columns(table)
        figures = (found[name] for name in ("high", "low", "volume", "money"))
        rows = zip(times(found).tolist(), *figures, strict=True)
        return [DayBar(day_text(at.date()), *map(float, row)) for at, *row in rows]


def open_xtdata(clock: Clock) -> XtDataQuotes:
    """The vendor's quotes. Raises `UsageError` where the package or its native part is missing."""
    return XtDataQuotes(Terminal(load_xtdata(), clock, TERMS))
