"""Descriptions of securities: those of the universe with their facts, any other well-formed code by its segment."""

from __future__ import annotations

from datetime import date
from functools import cache

from bullet_trade.domain.securities import FUNDS, Code, Kind, Security
from bullet_trade.market.boards import describe
from bullet_trade.market.codes import is_canonical
from bullet_trade.quotes.synthetic.funds import Fund, funds
from bullet_trade.quotes.synthetic.indices import INDICES
from bullet_trade.quotes.synthetic.profiles import SERVED
from bullet_trade.quotes.synthetic.stocks import Listing, bond_listings, listing_of, stock_listings

FUNDS_SINCE = date(2005, 1, 4)
"""First day of funds and indices: earlier than most real ones, so that long replays find them."""

_DAY_TRADED = frozenset({"bond", "long_bond", "money", "convertible", "gold", "commodity", "overseas", "hongkong"})
"""Holdings of funds that may be sold on the day they are bought."""


@cache
def universe() -> dict[Code, Security]:
    """The listed securities by code, sorted."""
    found = [_company(one) for one in (*stock_listings(), *bond_listings())]
    found += [_fund(fund) for fund in funds().values()]
    found += [_index(Code(code), row.name) for code, row in INDICES.items()]
    return {security.code: security for security in sorted(found, key=lambda security: security.code)}


def security_of(code: Code) -> Security | None:
    """The description of a code; None where it is not well-formed or of a kind that is not made here."""
    known = universe().get(code)
    if known is not None:
        return known
    if not is_canonical(code):
        return None
    plain = describe(code)
    if plain.kind not in SERVED:
        return None
    if plain.kind is Kind.INDEX:
        return _index(code, f"样本指数{code[:6]}")
    if plain.kind in FUNDS:
        return describe(code, f"样本基金{code[:6]}", list_date=FUNDS_SINCE)
    return _company(listing_of(code))


def _company(listing: Listing) -> Security:
    return describe(listing.code, listing.name, list_date=listing.list_date, end_date=listing.end_date, st=listing.st)


def _fund(fund: Fund) -> Security:
    return describe(fund.code, fund.name, list_date=FUNDS_SINCE, t0=fund.holding in _DAY_TRADED)


def _index(code: Code, name: str) -> Security:
    return describe(code, name, list_date=FUNDS_SINCE)
