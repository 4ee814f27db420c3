"""The listed stocks and convertible bonds: codes in the real market's proportions, invented names, listing days.

None of these facts depends on the seed: another seed gives other prices of the same companies.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

from bullet_trade.domain.securities import OPEN_END, Code
from bullet_trade.quotes.synthetic.halfyears import HalfYear, first_day, weekday_date, weekday_number
from bullet_trade.quotes.synthetic.streams import Key, below, stream_key, unit


class Segment(NamedTuple):
    """Codes that begin with `prefix`: `listed` of them are in the universe, from `opened` (lowest code) to `latest`."""

    prefix: str
    exchange: str
    listed: int
    opened: date
    latest: date


class Listing(NamedTuple):
    """What is known of a company apart from its prices."""

    code: Code
    name: str
    list_date: date
    end_date: date
    st: bool

    def trades_in(self, half: HalfYear) -> bool:
        """Whether it is listed when the half-year begins and when it ends."""
        return self.list_date <= first_day(half) and first_day(HalfYear(half + 1)) <= self.end_date


_SEGMENTS = (
    Segment("600", "XSHG", 105, date(1992, 1, 2), date(2004, 8, 2)),
    Segment("601", "XSHG", 50, date(2006, 7, 3), date(2022, 8, 1)),
    Segment("603", "XSHG", 85, date(2014, 1, 20), date(2025, 9, 1)),
    Segment("605", "XSHG", 10, date(2020, 6, 1), date(2024, 6, 3)),
    Segment("688", "XSHG", 86, date(2019, 7, 22), date(2026, 3, 2)),
    Segment("689", "XSHG", 1, date(2020, 10, 29), date(2026, 3, 2)),
    Segment("000", "XSHE", 70, date(1991, 4, 3), date(2001, 1, 2)),
    Segment("001", "XSHE", 15, date(2020, 12, 1), date(2026, 6, 1)),
    Segment("002", "XSHE", 135, date(2004, 6, 25), date(2020, 4, 1)),
    Segment("300", "XSHE", 165, date(2009, 10, 30), date(2021, 8, 2)),
    Segment("301", "XSHE", 34, date(2021, 8, 16), date(2026, 6, 1)),
    Segment("920", "XBSE", 38, date(2021, 11, 15), date(2026, 6, 1)),
)
_BOND_SEGMENTS = (
    Segment("110", "XSHG", 8, date(2021, 1, 4), date(2024, 1, 2)),
    Segment("113", "XSHG", 18, date(2019, 1, 2), date(2025, 1, 2)),
    Segment("118", "XSHG", 8, date(2022, 1, 4), date(2025, 9, 1)),
    Segment("123", "XSHE", 14, date(2020, 1, 2), date(2025, 9, 1)),
    Segment("127", "XSHE", 12, date(2020, 1, 2), date(2025, 9, 1)),
)
# Codes that strategies are often written with: always in the universe, never delisted, never under risk warning.
_STEADY_CODES = """
000001.XSHE 000002.XSHE 000063.XSHE 000100.XSHE 000333.XSHE 000538.XSHE 000568.XSHE 000651.XSHE 000725.XSHE
000858.XSHE 002027.XSHE 002049.XSHE 002142.XSHE 002230.XSHE 002304.XSHE 002352.XSHE 002415.XSHE 002475.XSHE
002594.XSHE 002714.XSHE 300014.XSHE 300015.XSHE 300059.XSHE 300122.XSHE 300124.XSHE 300274.XSHE 300308.XSHE
300750.XSHE 300760.XSHE 600000.XSHG 600009.XSHG 600016.XSHG 600028.XSHG 600030.XSHG 600031.XSHG 600036.XSHG
600048.XSHG 600050.XSHG 600104.XSHG 600276.XSHG 600309.XSHG 600436.XSHG 600519.XSHG 600585.XSHG 600690.XSHG
600809.XSHG 600887.XSHG 600900.XSHG 601012.XSHG 601088.XSHG 601166.XSHG 601288.XSHG 601318.XSHG 601328.XSHG
601398.XSHG 601628.XSHG 601668.XSHG 601857.XSHG 601888.XSHG 601899.XSHG 601939.XSHG 601988.XSHG 603259.XSHG
603288.XSHG 603501.XSHG 603986.XSHG 688008.XSHG 688012.XSHG 688036.XSHG 688111.XSHG 688981.XSHG
"""
STEADY = frozenset(_STEADY_CODES.split())

# Syllables that seldom begin a real company's name, so that nobody takes these for one.
_FIRST = "岚澄砚沐璟筠翊霁漱珑霭洵桓槿皓骁煜聿枫钰晟昶朔溯琮彧衍珩霖祁"
_SECOND = "岳川禾舟石野亭渡岭溪原汀屿坞浦湾峪垣陌廊"
_TRADES = (
    *("股份", "科技", "电子", "医药", "化工", "机械", "食品", "能源", "建材", "物流"),
    *("材料", "电气", "环保", "传媒", "软件", "重工", "纺织", "置业", "仪表", "矿业"),
)

_NAME_KEY = stream_key(0, "name")
_FATE_KEY = stream_key(0, "fate")
_DAY_KEY = stream_key(0, "listing")
_ST_SHARE, _DELISTED_SHARE = 0.03, 0.02
_DELISTED_FIRST, _DELISTED_LAST = weekday_number(date(2019, 3, 4)), weekday_number(date(2026, 6, 1))
_YOUNGEST_DELISTED = date(2014, 1, 1)


@cache
def stock_listings() -> tuple[Listing, ...]:
    """The stocks of the universe, sorted by code."""
    codes = set(STEADY)
    for segment in _SEGMENTS:
        codes.update(_spread(segment))
    return tuple(_universe_listing(Code(code)) for code in sorted(codes))


@cache
def bond_listings() -> tuple[Listing, ...]:
    """The convertible bonds of the universe, sorted by code."""
    codes = sorted(code for segment in _BOND_SEGMENTS for code in _spread(segment))
    return tuple(listing_of(Code(code)) for code in codes)


def listing_of(code: Code) -> Listing:
    """A company or convertible bond from its code alone, in or outside the universe; it trades to this day."""
    bond = code[0] == "1"
    name = company_name(code, _BONDS_ENDING if bond else None)
    return Listing(code, name, _list_date(code), OPEN_END, st=False)


_BONDS_ENDING = "转债"


def company_name(code: Code, ending: str | None = None) -> str:
    """An invented name, always the same for a code; `ending` replaces the trade."""
    number = _name_number(code)
    first = _FIRST[below(_NAME_KEY, number, len(_FIRST))]
    second = _SECOND[below(_NAME_KEY, number + 1, len(_SECOND))]
    return first + second + (ending or _TRADES[below(_NAME_KEY, number + 2, len(_TRADES))])


def _name_number(code: Code) -> int:
    return int(code[:6]) * 32 + {"XSHG": 0, "XSHE": 8, "XBSE": 16}[code[7:]]


def _universe_listing(code: Code) -> Listing:
    plain = listing_of(code)
    if code in STEADY:
        return plain
    number = int(code[:6])
    fate = unit(_FATE_KEY, number)
    if fate < _DELISTED_SHARE and plain.list_date < _YOUNGEST_DELISTED:
        return plain._replace(name=f"{plain.name[:2]}退", end_date=_last_day(_FATE_KEY, number))
    if fate > 1.0 - _ST_SHARE and code[0] in "06":
        mark = "*ST" if fate > 1.0 - _ST_SHARE / 3 else "ST"
        return plain._replace(name=mark + plain.name[:2], st=True)
    return plain


def _last_day(key: Key, number: int) -> date:
    span = _DELISTED_LAST - _DELISTED_FIRST
    return weekday_date(_DELISTED_FIRST + below(key, number + 1_000_000, span))


def _spread(segment: Segment) -> list[str]:
    step = 1000 // segment.listed if segment.listed > 1 else 9
    numbers = range(segment.prefix == "000" or segment.listed == 1, 1000, step)
    return [f"{segment.prefix}{number:03d}.{segment.exchange}" for number in numbers[: segment.listed]]


_BY_PREFIX = {(one.prefix, one.exchange): one for one in (*_SEGMENTS, *_BOND_SEGMENTS)}
_ANY = Segment("", "", 0, date(1995, 1, 3), date(2004, 12, 31))


def _list_date(code: Code) -> date:
    segment = _BY_PREFIX.get((code[:3], code[7:]), _ANY)
    age = (int(code[3:6]) + unit(_DAY_KEY, _name_number(code))) / 1001.0
    days = int((segment.latest - segment.opened).days * age)
    return weekday_date(weekday_number(segment.opened + timedelta(days=days)))
