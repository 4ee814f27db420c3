"""Where the books of sub-accounts cannot be right, because the account has less. People are told, and nobody sells
what is not there."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from bullet_trade.domain.ledger import NEVER
from bullet_trade.domain.money import Money, Price, divide_half_up, money, text
from bullet_trade.domain.reports import AccountSnapshot
from bullet_trade.domain.securities import Code
from bullet_trade.server.bookings import SubLedger
from bullet_trade.server.sub_assets import PricesOf, SubAssets

log = logging.getLogger("bullet_trade.server")

SETTLING = timedelta(seconds=60)
"""A terminal's holdings may lag behind its trades by this much."""


class Comparison:
    """The books by name against the account. Shares that are missing are told once a day, money at the start."""

    def __init__(self, ledgers: Mapping[str, SubLedger], assets: SubAssets) -> None:
        self._ledgers = ledgers
        self._assets = assets
        self._moved: dict[Code, datetime] = {}
        self._told: tuple[date, set[Code]] = (date.min, set())
        self._worth_compared = False

    def moved(self, code: Code, at: datetime) -> None:
        """A sub-account has traded the security."""
        self._moved[code] = at

    def compare(self, snapshot: AccountSnapshot, prices: PricesOf) -> None:
        """The account is stated, and what it shows of trades is booked."""
        held = {row.code: row.amount for row in snapshot.holdings}
        if self._told[0] != snapshot.at.date():
            self._told = (snapshot.at.date(), set())
        owned = {code for ledger in self._ledgers.values() for code in ledger.holdings}
        for code in owned.union(self._assets.missing):
            if snapshot.at - self._moved.get(code, NEVER) >= SETTLING:
                self._compare_shares(code, held.get(code, 0))
        if not self._worth_compared:
            self._worth_compared = True
            self._compare_worth(snapshot, prices(owned.union(held)))

    def _compare_shares(self, code: Code, held: int) -> None:
        owned = sum(self._assets.held(code).values())
        self._assets.missing[code] = max(0, owned - held)
        if owned > held and code not in self._told[1]:
            self._told[1].add(code)
            log.warning(
                "%s：子账户合计持有 %d 股，账户只有 %d 股；子账户合计最多卖出账户所有的。"
                "核对后用 bullet-trade server-book adjust 更正",
                code,
                owned,
                held,
            )

    def _compare_worth(self, snapshot: AccountSnapshot, prices: Mapping[Code, float]) -> None:
        def worth(code: Code, amount: int, cost: Price) -> int:
            return amount * (money(prices[code]) or cost)

        total: int = snapshot.available + snapshot.frozen
        total += sum(worth(row.code, row.amount, row.cost) for row in snapshot.holdings)
        owned: int = sum(ledger.cash for ledger in self._ledgers.values())
        for ledger in self._ledgers.values():
            for code, one in ledger.holdings.items():
                owned += worth(code, one.amount, Price(divide_half_up(one.cost, abs(one.amount))))
        if owned > total:
            log.warning(
                "！！子账户合计资产 %s 元，超过账户总资产 %s 元：分配的 cash 多于账户所有，买入会被券商拒绝。"
                "减少 QMT_SERVER_SUB_ACCOUNTS 中的 cash",
                text(Money(owned)),
                text(Money(total)),
            )
