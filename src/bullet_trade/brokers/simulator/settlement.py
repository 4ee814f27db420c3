"""Settlement of the simulated account at the change of day: T+1, dividends, bonus shares, fund splits; and the dividend
tax that a sale owes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from bullet_trade.brokers.simulator.account import Account, Holding, Payout
from bullet_trade.domain.money import Money
from bullet_trade.domain.securities import Code, Kind, Security
from bullet_trade.market.corporate_actions import Terms, adjusted_holding, terms
from bullet_trade.market.dividend_tax import Dividend, HeldLot, sell_taxed
from bullet_trade.ports.market_data import CorporateAction

TAXED = frozenset({Kind.STOCK, Kind.CDR})


class Booked(NamedTuple):
    """What was booked to the account for a holding of `code`; `text` for a person."""

    code: Code
    cash: Money
    shares: int
    text: str


def free_bought_shares(account: Account) -> None:
    """What was bought on an earlier day may be sold."""
    for holding in account.holdings.values():
        holding.free += holding.fresh
        holding.fresh = 0


def book_actions(
    account: Account,
    since: date,
    today: date,
    actions: Callable[[Code], Sequence[CorporateAction]],
    securities: Callable[[Code], Security | None],
    previous_session: Callable[[date], date],
) -> list[Booked]:
    """Book every action with since < ex-date <= today, oldest first, on what was held at the close before."""
    due = sorted(
        (action.ex_date, code, action)
        for code in map(Code, account.holdings)
        for action in actions(code)
        if since < action.ex_date <= today
    )
    found = [_book(account, code, action, securities(code), previous_session(ex_date)) for ex_date, code, action in due]
    return [booked for booked in found if booked.cash or booked.shares]


def _book(account: Account, code: Code, action: CorporateAction, security: Security | None, record: date) -> Booked:
    holding = account.holdings[code]
    per_share, ratio = str(action.cash_per_share), str(action.share_ratio)
    what: Terms = terms(cash=per_share, bonus=ratio)
    after = adjusted_holding(holding.amount, what)
    shares = after.amount - holding.amount
    account.cash = Money(account.cash + after.cash)
    holding.paid = Money(holding.paid - after.cash)
    holding.free += shares
    holding.lots = _scaled(holding.lots, after.amount)
    taxed = security is not None and security.kind in TAXED
    if after.cash and taxed:
        holding.payouts.append(Payout(record, per_share))
    if holding.amount == 0:
        del account.holdings[code]
    text = f"除权除息（登记日 {record}）：每股派现 {action.cash_per_share:g} 元"
    if action.share_ratio:
        text += f"，每股送转（拆分）{action.share_ratio:g} 股"
    return Booked(code, after.cash, shares, text + ("；红利税在卖出时补缴" if after.cash and taxed else ""))


def _scaled(lots: list[HeldLot], amount: int) -> list[HeldLot]:
    """The lots after a bonus issue or split, `amount` shares in all; new shares count as bought with the old ones."""
    before = sum(lot.amount for lot in lots)
    found: list[HeldLot] = []
    passed = given = 0
    for lot in lots:
        passed += lot.amount
        until = amount * passed // before
        if until > given:
            found.append(HeldLot(lot.bought, until - given))
        given = until
    return found


def tax_of_sale(holding: Holding, amount: int, day: date) -> Money:
    """The dividend tax that selling `amount` shares on `day` owes, first bought first; to be asked before they leave.

    Dividends that no lot owes tax for any more are forgotten.
    """
    if not holding.payouts:
        return Money(0)
    due = [Dividend(payout.record_day, Fraction(payout.per_share)) for payout in holding.payouts]
    sold = sell_taxed(holding.lots, amount, day, due)
    oldest = min((lot.bought for lot in sold.left), default=date.max)
    holding.payouts = [payout for payout in holding.payouts if oldest <= payout.record_day]
    return sold.tax
