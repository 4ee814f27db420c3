"""What a seed draws for a simulated run: the strategy, the connection, what becomes of orders, which days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache
from random import Random

from bullet_trade.testing.counter import Accept, End, Fill, Refuse, Step
from bullet_trade.testing.counter_link import Weather
from bullet_trade.testing.fake_market import FakeMarket

SESSIONS = (date(2025, 6, 3), date(2025, 6, 4), date(2025, 6, 5))
PRICES = {"600000.XSHG": 10.0, "000001.XSHE": 12.0, "510300.XSHG": 4.0}
HOLDINGS = {"600000.XSHG": 3000, "510300.XSHG": 20_000}


@cache
def market() -> FakeMarket:
    """Level prices on all days; read only."""
    made = FakeMarket()
    for code, level in PRICES.items():
        made.add(code, dict.fromkeys(SESSIONS, level), prev_close=level)
    return made


def days_of(draw: Random) -> Sequence[date]:
    """Mostly one trading day, sometimes two or three in a row."""
    return SESSIONS[: draw.choice([1, 1, 1, 1, 1, 2, 2, 3])]


def weather_of(draw: Random) -> Weather:
    """How bad the connection is."""
    chance = (0.0, 0.0, 0.1, 0.4)
    return Weather(
        drop=draw.choice(chance),
        late=draw.choice(chance),
        late_s=draw.choice([2.0, 20.0]),
        again=draw.choice(chance),
        lose_request=draw.choice([0.0, 0.1]),
        short_list=draw.choice(chance),
        phantom=draw.choice([0.0, 0.0, 0.0, 0.1]),
    )


def course_of(draw: Random) -> Sequence[Step]:
    """What becomes of an order."""
    soon, later = draw.uniform(0.1, 3.0), draw.uniform(5.0, 2400.0)
    courses: list[Sequence[Step]] = [
        (Accept(0.1), Fill(soon, 0.4), Fill(soon + 0.5, 1.0)),
        (Accept(0.1), Fill(soon, 1.0)),
        (Fill(soon, 0.3), Accept(soon + 1.0), Fill(later, 1.0)),
        (Accept(0.1), Fill(later, 0.5), End(later + 1.0)),
        (Accept(0.1), Fill(later, 0.5)),
        (Accept(0.2),),
        (Accept(0.2), Refuse(soon)),
        (Refuse(soon),),
        (End(soon),),
    ]
    return draw.choice(courses)


def strategy_of(draw: Random) -> str:
    """A strategy with a handful of moments at which it trades."""
    lines = ["from jqdata import *", "def initialize(context):", "    g.done = []"]
    bodies: list[str] = []
    for number in range(draw.randint(3, 8)):
        minute = draw.choice([*range(570, 690), *range(780, 890)])
        lines.append(f"    run_daily(at_{number}, '{minute // 60}:{minute % 60:02d}')")
        bodies += [f"def at_{number}(context):", f"    {_action(draw)}", f"    g.done.append({number})"]
    if draw.random() < 0.2:
        bodies += ["def on_strategy_end(context):", "    order('510300.XSHG', 100)"]
    return "\n".join([*lines, *bodies, ""])


def _action(draw: Random) -> str:
    code = draw.choice(sorted(PRICES))
    amount = draw.choice([100, 500, 1000]) * draw.choice([1, 1, -1])
    limit = round(PRICES[code] * draw.choice([0.99, 1.0, 1.01]), 2)
    wait = draw.choice(["0", "None", "None"])
    return draw.choice(
        [
            f"order('{code}', {amount})",
            f"order('{code}', {amount}, wait_timeout={wait})",
            f"order('{code}', {amount}, LimitOrderStyle({limit}), wait_timeout={wait})",
            f"order_target('{code}', {abs(amount)})",
            f"order_target('{code}', 0)",
            "[cancel_order(one) for one in get_open_orders().values()]",
        ]
    )
