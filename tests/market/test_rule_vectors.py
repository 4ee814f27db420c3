"""Every row of `a-share-cases.csv`, typed by hand from the exchanges' texts, against the rules."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from bullet_trade.domain.errors import CalendarEndError
from bullet_trade.domain.money import Money, Price, money, price
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.securities import Exchange, Security
from bullet_trade.market.after_hours import after_hours_price
from bullet_trade.market.boards import describe
from bullet_trade.market.buying_power import buying_power, max_affordable, purchase_cost, withdrawable
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.market.codes import normalize
from bullet_trade.market.corporate_actions import adjusted_holding, ex_reference_price, terms
from bullet_trade.market.dividend_tax import Dividend, HeldLot, sell_taxed, tax_percent
from bullet_trade.market.exchange_fees import exchange_items
from bullet_trade.market.fees import Commission, CommissionPlan, FeeSchedule
from bullet_trade.market.halts import halt_after, halt_levels
from bullet_trade.market.lots import buy_amount, check_lot, sell_amount
from bullet_trade.market.market_orders import PROTECTION_REQUIRED, MarketStyle, protection_when_zero, qmt_type
from bullet_trade.market.order_size import max_order_amount, split
from bullet_trade.market.price_cage import Book, check_price_cage, price_cage
from bullet_trade.market.price_limit import PriceLimits, price_limits, ratio_in_force
from bullet_trade.market.programmatic import Activity, is_high_frequency
from bullet_trade.market.rates import rate
from bullet_trade.market.sessions import Phase, accepts_cancel, accepts_order, phase_at
from bullet_trade.market.settlement import is_t0, sellable
from bullet_trade.market.st_cap import check_st_cap, st_buy_cap
from bullet_trade.market.tick_size import check_tick, tick_size

Facts = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One row: what is known (`context`), what is asked (`given`), and the answer that the sheet expects."""

    rule: str
    code: str
    day: date
    side: Side
    context: Facts
    given: Facts
    expected: Facts

    @property
    def security(self) -> Security:
        """The row's security, with the state that it stands in for."""
        facts: Facts = {}
        if "st" in self.context:
            facts["st"] = self.context["st"]
        if self.context.get("etf20"):
            facts["limit_ratio_percent"] = 20
        return describe(normalize(self.code), **facts)

    @property
    def fees(self) -> FeeSchedule:
        """A schedule with the row's commission for every kind."""
        agreed = Commission(
            buy=rate(self.context["commission_rate"]),
            sell=rate(self.context["commission_rate"]),
            minimum=money(self.context["min_commission"]),
        )
        return FeeSchedule(CommissionPlan(stock=agreed, fund=agreed, bond=agreed))


def _read() -> list[Case]:
    with (Path(__file__).parent / "a-share-cases.csv").open(encoding="utf-8", newline="") as file:
        return [
            Case(
                rule=row["rule"],
                code=row["security"],
                day=date.fromisoformat(row["date"]),
                side=Side.SELL if row["side"] == "sell" else Side.BUY,
                context=json.loads(row["price_context"]),
                given=json.loads(row["input"]),
                expected=json.loads(row["expected"]),
            )
            for row in csv.DictReader(file)
        ]


def _price(value: str | None) -> Price:
    return price(value) if value is not None else Price(0)


def _shown(value: Price | None, like: str | None) -> str | None:
    """`value` with as many decimals as the expected text has."""
    if value is None or like is None:
        return None if value is None else str(Decimal(value) / 10_000)
    places = len(like.partition(".")[2])
    return f"{Decimal(value) / 10_000:.{places}f}"


def _yuan(value: Money) -> str:
    return f"{Decimal(value) / 10_000:.2f}"


def board_detect(case: Case) -> Facts:
    code = normalize(case.given["code"])
    security = describe(code)
    return {"exchange": security.exchange, "board": security.board, "kind": security.kind, "canonical": code}


def limit_price(case: Case) -> Facts:
    context, security = case.context, case.security
    assert tick_size(security, case.day) == price(context["tick"])
    days = context.get("listing_day"), context.get("delisting_day")
    ratio = ratio_in_force(security, case.day, *days)
    limits = price_limits(security, case.day, price(context["prev_close"]), *days)
    if ratio is None or limits is None:
        return {"pct": None, "limit_up": None, "limit_down": None}
    up, down = case.expected["limit_up"], case.expected["limit_down"]
    pct = f"{Decimal(ratio.up) / 1000:.2f}"
    return {"pct": pct, "limit_up": _shown(limits.high, up), "limit_down": _shown(limits.low, down)}


def tick_valid(case: Case) -> Facts:
    return {"valid": check_tick(case.security, price(case.given["price"]), case.day) is None}


def lot_buy(case: Case) -> Facts:
    quantity = case.given["qty"]
    refusal = check_lot(case.security, Side.BUY, quantity, 0, case.day)
    return {"valid": refusal is None, "rounded_qty": buy_amount(case.security, quantity, case.day)}


def lot_sell(case: Case) -> Facts:
    quantity, held = case.given["qty"], case.context["sellable"]
    refusal = check_lot(case.security, Side.SELL, quantity, held, case.day)
    return {"valid": refusal is None, "rounded_qty": sell_amount(case.security, quantity, held, case.day)}


def max_order_split(case: Case) -> Facts:
    after_hours = case.given["order_type"] == "after_hours"
    kind = OrderType.LIMIT if after_hours else OrderType(case.given["order_type"])
    children = split(case.security, case.side, case.given["qty"], kind, case.day, after_hours=after_hours)
    most = max_order_amount(case.security, kind, case.day, after_hours=after_hours)
    return {"max_order_qty": most, "min_orders": len(children), "example": children}


def max_affordable_(case: Case) -> Facts:
    security, paid, fees = case.security, price(case.given["price"]), case.fees

    def fee_of(turnover: Money) -> Money:
        return fees.order_fee(security, Side.BUY, turnover, case.day).total

    quantity = max_affordable(security, money(case.given["cash"]), paid, fee_of, case.day)
    return {"qty": quantity, "total_cost": _yuan(purchase_cost(quantity, paid, fee_of))}


def price_cage_(case: Case) -> Facts:
    context, security = case.context, case.security
    limits = PriceLimits(price(context["limit_down"]), price(context["limit_up"]))
    book = Book(*(_price(context[name]) for name in ("best_bid", "best_ask", "last", "prev_close")))
    caged = context["phase"] == Phase.CONTINUOUS
    cage = price_cage(security, case.side, case.day, book, limits) if caged else None
    asked = price(case.given["price"])
    found = {
        "bound": _shown(cage.bound, case.expected["bound"]) if cage else None,
        "accepted": check_price_cage(security, case.side, asked, cage) is None,
    }
    if cage and "conservative_bound" in case.expected:
        found["conservative_bound"] = _shown(cage.cautious, case.expected["conservative_bound"])
    outside = cage is not None and (asked - cage.bound) * case.side > 0
    return {**found, "parked": True} if cage and outside and cage.parks else found


def _charged(case: Case, turnover: Money) -> Facts:
    fee = case.fees.order_fee(case.security, case.side, turnover, case.day)
    return {
        "amount": _yuan(turnover),
        "commission": _yuan(fee.commission),
        "stamp": _yuan(fee.stamp_duty),
        "transfer": _yuan(fee.transfer),
        "total": _yuan(fee.total),
    }


def fee(case: Case) -> Facts:
    return _charged(case, Money(price(case.given["price"]) * case.given["qty"]))


def fee_order_min(case: Case) -> Facts:
    return _charged(case, Money(sum(price(paid) * quantity for paid, quantity in case.given["fills"])))


def fee_exchange_items(case: Case) -> Facts:
    items = exchange_items(case.security, money(case.given["amount"]), case.day)
    return {"handling": _yuan(items.handling), "regulatory": _yuan(items.regulatory)}


def t1_available(case: Case) -> Facts:
    given = case.given
    t0 = is_t0(case.security, case.day)
    left = sellable(given["opening_qty"], given["bought_today"], given["sold_today"], given["pending_sell"], t0=t0)
    return {"tplus": 0 if t0 else 1, "sellable": left}


def cash_available(case: Case) -> Facts:
    opening, frozen = money(case.given["opening_cash"]), money(case.given["frozen_for_buys"])
    power = buying_power(opening, money(case.given["net_sell_proceeds_today"]), frozen)
    return {"buying_power": _yuan(power), "withdrawable": _yuan(withdrawable(opening, frozen))}


def cash_freeze(case: Case) -> Facts:
    def fee_of(turnover: Money) -> Money:
        return case.fees.order_fee(case.security, Side.BUY, turnover, case.day).total

    return {"frozen": _yuan(purchase_cost(case.given["qty"], price(case.given["price"]), fee_of))}


def session(case: Case) -> Facts:
    at = time.fromisoformat(case.given["time"])
    after_hours = case.given["order_type"] == "after_hours"
    kind = OrderType.LIMIT if after_hours else OrderType(case.given["order_type"])
    return {
        "phase": phase_at(case.security, case.day, at),
        "can_submit": accepts_order(case.security, case.day, at, kind, after_hours=after_hours),
        "can_cancel": accepts_cancel(case.security, case.day, at, after_hours=after_hours),
    }


def after_hours_match(case: Case) -> Facts:
    found = after_hours_price(case.side, price(case.given["limit"]), price(case.context["close"]))
    return {"valid": found is not None, "trade_price": _shown(found, case.expected["trade_price"])}


def st_buy_cap_(case: Case) -> Facts:
    given = case.given
    cap = st_buy_cap(case.security, case.day)
    used = given["bought_today"] + given["pending_buy"]
    refusal = check_st_cap(case.security, given["qty"], case.day, given["bought_today"], given["pending_buy"])
    return {
        "cap": cap,
        "accepted": refusal is None,
        "remaining_before": None if cap is None else max(0, cap - used),
    }


def ex_price(case: Case) -> Facts:
    given = case.given
    what = terms(given["cash_per_share"], given["bonus_per_share"], given["rights_per_share"], given["rights_price"])
    found = ex_reference_price(price(case.context["prev_close"]), what, price(case.context["tick"]))
    return {"reference_price": _shown(found, case.expected["reference_price"])}


def corporate_action_position(case: Case) -> Facts:
    what = terms(case.given["cash_per_share"], case.given["bonus_per_share"])
    after = adjusted_holding(case.context["position"], what)
    return {"position": after.amount, "gross_cash": _yuan(after.cash)}


def dividend_tax(case: Case) -> Facts:
    bought = date.fromisoformat(case.context["bought"])
    dividend = Dividend(case.day - timedelta(days=1), Fraction(case.given["dividend_gross"]))
    sold = sell_taxed([HeldLot(bought, 1)], 1, case.day, [dividend])
    percent = tax_percent(bought, case.day, dividend.record_day)
    return {"rate": f"{Decimal(percent) / 100:.2f}", "tax": _yuan(sold.tax)}


def dividend_tax_fifo(case: Case) -> Facts:
    lots = [HeldLot(date.fromisoformat(bought), amount) for bought, amount in case.context["lots"]]
    record_day = date.fromisoformat(case.context["record_date"])
    dividend = Dividend(record_day, Fraction(case.context["dividend_per_share"]))
    return {"tax": _yuan(sell_taxed(lots, case.given["qty"], case.day, [dividend]).tax)}


def market_order_type(case: Case) -> Facts:
    found = qmt_type(case.security, MarketStyle(case.given["style"]), case.day)
    if found is None:
        return {"supported": False, "qmt_constant": None, "qmt_value": None}
    return {"supported": True, "qmt_constant": found.constant, "qmt_value": found.value}


def market_order_protection(case: Case) -> Facts:
    exchange = Exchange(case.context["exchange"])
    return {
        "exchange_requires_protect_price": exchange in PROTECTION_REQUIRED,
        "qmt_default_when_zero": protection_when_zero(exchange),
    }


def intraday_halt(case: Case) -> Facts:
    levels = halt_levels(case.security, case.day, listed_days=1)
    at = time.fromisoformat(case.given["time"])
    halt = halt_after(levels, price(case.context["base"]), price(case.given["first_cross_price"]), at)
    if halt is None:
        return {"halt_minutes": 0, "resume": None}
    return {"halt_minutes": halt.minutes, "resume": halt.resume.isoformat()}


def programmatic_hft(case: Case) -> Facts:
    given = case.given
    in_second = given["orders_in_second"] + given["cancels_in_second"]
    return {"high_frequency": is_high_frequency(Activity(in_second, given["orders_plus_cancels_day"]))}


def calendar(case: Case) -> Facts:
    days = exchange_calendar()
    if "year" in case.given:
        year = case.given["year"]
        return {"sessions": len(days.sessions(date(year, 1, 1), date(year, 12, 31)))}
    day = date.fromisoformat(case.given["date"])
    try:
        found: Facts = {"is_session": days.is_session(day)}
    except CalendarEndError:
        return {"is_session": None, "known": False}
    if "next_session" in case.expected:
        found["next_session"] = days.next_session(day).isoformat()
    return found


CHECKS: dict[str, Callable[[Case], Facts]] = {
    "board_detect": board_detect,
    "limit_price": limit_price,
    "tick_valid": tick_valid,
    "lot_buy": lot_buy,
    "lot_sell": lot_sell,
    "max_order_split": max_order_split,
    "max_affordable": max_affordable_,
    "price_cage": price_cage_,
    "fee": fee,
    "fee_order_min": fee_order_min,
    "fee_exchange_items": fee_exchange_items,
    "t1_available": t1_available,
    "cash_available": cash_available,
    "cash_freeze": cash_freeze,
    "session": session,
    "after_hours_match": after_hours_match,
    "st_buy_cap": st_buy_cap_,
    "ex_price": ex_price,
    "corporate_action_position": corporate_action_position,
    "dividend_tax": dividend_tax,
    "dividend_tax_fifo": dividend_tax_fifo,
    "market_order_type": market_order_type,
    "market_order_protection": market_order_protection,
    "intraday_halt": intraday_halt,
    "programmatic_hft": programmatic_hft,
    "calendar": calendar,
}

CASES = _read()


@pytest.mark.parametrize("case", CASES, ids=[f"{case.rule}-{n}-{case.code}" for n, case in enumerate(CASES)])
def test_rule_gives_the_answer_of_the_sheet(case: Case) -> None:
    assert CHECKS[case.rule](case) == case.expected


def test_case_days_are_trading_days() -> None:
    days = exchange_calendar()
    assert all(days.is_session(case.day) for case in CASES if case.rule != "calendar")
