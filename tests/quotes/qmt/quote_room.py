"""The vendor's real quote layer over a stand-in terminal, on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from threading import Event

import pytest

from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import VirtualClock
from bullet_trade.engine.inbox import Inbox
from bullet_trade.ops.qmt_quotes import load_xtdata
from bullet_trade.ports.market_data import CorporateAction
from bullet_trade.ports.quotes import Tick
from bullet_trade.quotes.qmt.data import QmtMarketData
from bullet_trade.quotes.qmt.pushes import QmtTicks
from bullet_trade.quotes.qmt.terminal import Terminal
from bullet_trade.quotes.qmt.terms import QuoteTerms
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.fake_qmt.datacenter import QuoteClient, install_quotes
from bullet_trade.testing.fake_qmt.install import wheel_is_there
from bullet_trade.testing.fake_qmt.market import Desk

needs_wheel = pytest.mark.skipif(not wheel_is_there(), reason="xtquant is not installed: pip install --no-deps xtquant")

BANK, PAB = Code("600000.XSHG"), Code("000001.XSHE")
DAYS = [date(2025, 6, 3), date(2025, 6, 4), date(2025, 6, 5), date(2025, 6, 6)]
TODAY = DAYS[-1]
HOLIDAYS = [20250101, 20250128, 20250602, 20251001, 20251002, 20251003, 20251006, 20251007, 20251008]
TERMS = QuoteTerms(
    call_s=2.0, history_s=2.0, silent_s=5.0, download_s=5.0, settle_s=0.01, beat_s=0.02, check_s=30.0, whole_from=40
)
HURRIED = QuoteTerms(
    call_s=0.05, history_s=0.05, silent_s=0.05, download_s=0.1, settle_s=0.01, beat_s=0.02, check_s=30.0
)


def market() -> FakeMarket:
    """Two securities over four days; 600000 pays a dividend on the third, 000001 is suspended on the second."""
    rising = [10.0 + 0.001 * minute for minute in range(240)]
    found = FakeMarket()
    found.add(
        BANK,
        dict.fromkeys(DAYS, rising),
        prev_close=10.0,
        references={DAYS[2]: 9.74},
        actions=[CorporateAction(DAYS[2], 0.5, 0.0)],
        name="浦发银行",
    )
    found.add(PAB, {DAYS[0]: 20.0, DAYS[1]: None, DAYS[2]: 20.0, DAYS[3]: 20.0}, prev_close=20.0, name="平安银行")
    return found


class Room:
    """The terminal, and both halves of the adapter over it. Ten o'clock on the last of `DAYS`."""

    def __init__(self, terms: QuoteTerms = TERMS, at: datetime = datetime(2025, 6, 6, 10, 0)) -> None:
        self.clock = VirtualClock(at)
        self.native = install_quotes()
        self.desk = Desk(self.clock.now)
        self.native.desk = self.desk
        self.market = market()
        self.desk.feed(self.market, [BANK, PAB], DAYS)
        self.desk.holidays = HOLIDAYS
        self.xtdata = load_xtdata()
        self.xtdata.disconnect()
        self.notes: list[str] = []
        self.terminal = Terminal(self.xtdata, self.clock, terms)
        self.terminal.tell = self.notes.append
        self.source = QmtTicks(self.terminal)
        self.data = QmtMarketData(self.terminal, self.source)
        self.got: list[Tick] = []

    def pass_s(self, seconds: float) -> None:
        self.clock.wait(Inbox(), self.clock.now() + timedelta(seconds=seconds))

    def client(self) -> QuoteClient:
        """The present connection's native side."""
        made = self.desk.clients[-1]
        assert isinstance(made, QuoteClient)
        return made

    def follow(self, *codes: Code) -> None:
        """Subscribe, and wait until the terminal has it."""
        self.source.subscribe(codes, self.got.append)
        self.until(lambda: bool(self.desk.clients) and self.covers(codes))

    def covers(self, codes: tuple[Code, ...]) -> bool:
        if not self.desk.clients:
            return False
        names = {name for names, period in self.client().subscribed() if period == "tick" for name in names}
        wanted = {f"{code[:6]}.{'SH' if code.endswith('XSHG') else 'SZ'}" for code in codes}
        return wanted <= names or "SH" in names

    def until(self, true: Callable[[], bool]) -> None:
        """Let the adapter's own thread get there."""
        for _ in range(500):
            if true():
                return
            Event().wait(0.005)
        raise AssertionError("it does not come about")

    def prices(self) -> list[float]:
        self.desk.settle()
        return [tick.current for tick in self.got]

    def close(self) -> None:
        self.desk.release()
        self.source.close()
        self.desk.close()
        self.native.desk = None


@contextmanager
def room(terms: QuoteTerms = TERMS, at: datetime = datetime(2025, 6, 6, 10, 0)) -> Iterator[Room]:
    made = Room(terms, at)
    try:
        yield made
    finally:
        made.close()
