"""The order desk: the one way by which an order leaves, and the one place where broker reports change orders.

Write down, then act: the intent is in the journal before the broker hears of it, and each report before the strategy
sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from string import hexdigits
from typing import NamedTuple

from bullet_trade.domain.money import Money, Price, price
from bullet_trade.domain.orders import FINAL, Order, OrderId, OrderType, Side
from bullet_trade.domain.reports import Filled, NoAnswer, OrderReport, Rejected
from bullet_trade.domain.securities import Code, Security
from bullet_trade.engine.asked import NOT_TOLD, Asked
from bullet_trade.engine.brake import Brake
from bullet_trade.engine.events import (
    Audience,
    CancelForbidden,
    FilledLate,
    OrderFacts,
    OrderFinished,
    OrderPlaced,
    OrderRefused,
    PartFilled,
    ReportIgnored,
)
from bullet_trade.engine.intent import Intent
from bullet_trade.engine.order_book import OrderBook
from bullet_trade.engine.rate_limit import RateLimiter
from bullet_trade.engine.risk import RiskGate
from bullet_trade.engine.risk_rules import Proposal
from bullet_trade.engine.sizing import Sized, Wish, size
from bullet_trade.market.price_limit import PriceLimits
from bullet_trade.market.refusal import Refusal
from bullet_trade.market.rulebook import RuleBook
from bullet_trade.ports.broker import Broker, OrderTicket
from bullet_trade.ports.journal import Journal
from bullet_trade.ports.quotes import Quotes
from bullet_trade.ports.terms import TradingTerms


@dataclass(frozen=True, slots=True)
class DeskTerms:
    """How the desk makes orders. `first_number` is that of the first order; `buy_percent` and `sell_percent` are
    fractions of the last price (0.015, -0.015). A security whose newest price is older than `quote_age_s` seconds of
    trading time is not traded."""

    tag_label: str
    run_number: int
    first_number: int = 1
    buy_percent: float = 0.015
    sell_percent: float = -0.015
    quote_age_s: float = 120.0


class Purse(NamedTuple):
    """What a part of the account may use: cash for a purchase, shares of the security for a sale."""

    cash: Money
    shares: int


NUMBER_DIGITS = 5
"""The last digits of a tag are the order's number, hexadecimal."""

MOST = 1 << 62
"""No narrower limit than the account's own."""

_STOPPED_WAITING = Refusal("stopping", "下单时正在等待申报速率", "引擎正在停止，委托没有发出", "请在重新启动后再下单")


class OrderDesk:
    """Orders of one strategy on one account. Engine thread only."""

    def __init__(
        self,
        broker: Broker,
        quotes: Quotes,
        book: OrderBook,
        rules: RuleBook,
        trading: TradingTerms,
        journal: Journal,
        audience: Audience,
        securities: Callable[[Code], Security | None],
        terms: DeskTerms,
        brake: Brake,
        now: Callable[[], datetime],
    ) -> None:
        self._broker = broker
        self._quotes = quotes
        self.book = book
        self._rules = rules
        self._trading = trading
        self._journal = journal
        self._audience = audience
        self._securities = securities
        self._terms = terms
        self._brake = brake
        self._now = now
        self.gate: RiskGate | None = None
        """The account's limits, None where none holds."""
        self.pace: RateLimiter | None = None
        """Lets orders and cancels wait that would be too many in a second, None for no such limit."""
        self.next_number = terms.first_number
        self.tag_prefix = f"bt:{terms.tag_label}:"

    # -- placing ---------------------------------------------------------------------------------------------------

    def place(
        self,
        code: Code,
        side: Side,
        amount: int,
        order_type: OrderType,
        limit_price: Price,
        now: datetime,
        percent: float | None = None,
        parent: OrderId | None = None,
        purse: Purse | None = None,
        asked: Asked = NOT_TOLD,
        by_operator: bool = False,
    ) -> list[Order]:
        """Size, check, write down and send; empty when a rule of ours refused (told and journaled).

        More than one order where the amount exceeds the exchange's largest one. `limit_price` is the limit, or the
        protection price of a market order (0: made from the last price and `percent`, a fraction; None takes the
        configured one). `parent` is a number from `reserve` that the orders are to be known by; `purse` narrows what
        they may use, `asked` tells who wants them. `by_operator`: neither the brake nor the limits hold them.
        """
        if self.pace is not None and not by_operator:
            if not self.pace.order_turn():
                self._refuse(now, code, side, amount, _STOPPED_WAITING, asked)
                return []
            now = self._now()
        blocked = self._brake.refusal(code, by_operator) or (None if by_operator else self._stale(code))
        if blocked is not None:
            self._refuse(now, code, side, amount, blocked, asked)
            return []
        wish = self._wish(code, side, amount, order_type, limit_price, percent, purse)
        sized = size(wish, self.book.day, now.time(), self._rules, self._trading) if isinstance(wish, Wish) else wish
        if self.gate is not None and isinstance(sized, Sized) and not by_operator:
            sized = self._within_limits(self.gate, wish, sized, now, parent)
        if isinstance(sized, Refusal):
            self._refuse(now, code, side, amount, sized, asked)
            return []
        assert isinstance(wish, Wish)
        parent = parent or OrderId(self.next_number)
        parts = sized.amounts if self.pace is None or by_operator else sized.amounts[: self.pace.room()]
        orders = [self._create(wish, parent, part, sized.order_type, sized.limit_price, now) for part in parts]
        for order in orders:
            cash = sized.cash
            if len(sized.amounts) > 1 and side is Side.BUY:
                cash = self.book.cost(wish.security, order.amount, order.limit_price)
            self._journal.append(now, "intent", Intent.of(order, amount, cash, sized.adjustments, asked))
            self.book.admit(order, cash)
            if self.pace is not None:
                self.pace.sent()
        self._journal.barrier()
        for order in orders:
            self._send(order, sized.adjustments, now, by_operator)
        rest = sum(sized.amounts[len(parts) :])
        if rest:  # more parts than may leave within one second
            later = self.place(code, side, rest, order_type, limit_price, now, percent, parent, purse, asked)
            orders.extend(later)
        return orders

    @staticmethod
    def _within_limits(
        gate: RiskGate, wish: Wish | Refusal, sized: Sized, now: datetime, parent: OrderId | None
    ) -> Sized | Refusal:
        """The order, or the first of the account's limits that it would break, all parts together."""
        assert isinstance(wish, Wish)
        whole = sum(sized.amounts)
        proposal = Proposal(
            wish.security.code,
            wish.side,
            whole,
            len(sized.amounts),
            sized.limit_price,
            wish.last_price,
            now,
            parent,
        )
        return gate.order(proposal) or sized

    def reserve(self) -> OrderId:
        """A number for orders that are to be placed later, or are to be written about before they leave."""
        number = OrderId(self.next_number)
        self.next_number += 1
        return number

    def leave_out(self, tags: Iterable[str]) -> None:
        """Never give a number again that an order at the broker bears already, as it may after a lost journal."""
        mine = order_tag(self._terms.tag_label, self._terms.run_number, 0)[:-NUMBER_DIGITS]
        for tag in tags:
            if self.book.by_tag(tag) is not None:
                continue
            number = tag.removeprefix(mine)
            if len(number) == NUMBER_DIGITS and all(digit in hexdigits for digit in number):
                self.next_number = max(self.next_number, int(number, 16) + 1)

    def _wish(
        self,
        code: Code,
        side: Side,
        amount: int,
        order_type: OrderType,
        limit_price: Price,
        percent: float | None,
        purse: Purse | None,
    ) -> Wish | Refusal:
        security = self._securities(code)
        if security is None or not self._quotes.known(code):
            return Refusal(
                "unknown_security", f"{code} 下单", "行情源没有这只证券，或当日未上市", "请检查代码和上市、退市日期"
            )
        facts = self._quotes.facts(code)
        if facts.paused:
            return Refusal("suspended", f"{code} 下单", "当日停牌", "请等复牌后再下单")
        if side is Side.BUY and self.book.unknown and self._fate_unknown(code):
            return Refusal(
                "unknown_order", f"{code} 买入", "同一证券有结果未知的委托", "请等它查明（核对或回报）后再买"
            )
        last = price(self._quotes.last_price(code))
        if last <= 0:
            return Refusal("no_price", f"{code} 下单", "没有可用价格", "请检查行情源")
        limits = PriceLimits(price(facts.low_limit), price(facts.high_limit)) if facts.high_limit > 0 else None
        buying = side is Side.BUY
        if order_type is OrderType.MARKET:
            if limit_price > 0:
                percent = limit_price / last - 1
            elif percent is None:
                percent = self._terms.buy_percent if buying else self._terms.sell_percent
        return Wish(
            security,
            side,
            amount,
            order_type,
            limit_price,
            percent or 0.0,
            last,
            price(facts.prev_close),
            limits,
            0 if buying else min(self.book.sellable(code), purse.shares if purse else MOST),
            Money(min(self.book.ledger.available, purse.cash if purse else MOST)),
            *(self._purchases(code) if buying and security.st else (0, 0)),
        )

    def _stale(self, code: Code) -> Refusal | None:
        """No for a security whose price is too old to size or to protect an order by."""
        age_s = self._quotes.age_s(code)
        if age_s is None or age_s <= self._terms.quote_age_s:
            return None
        known = f"已有 {age_s:.0f} 秒没有更新" if isfinite(age_s) else "今天还没有"
        return Refusal("stale_quote", f"{code} 下单", f"行情{known}", "请检查行情源；行情恢复后再下单")

    def _fate_unknown(self, code: Code) -> bool:
        return any(self.book.orders[number].code == code for number in self.book.unknown if number in self.book.orders)

    def _purchases(self, code: Code) -> tuple[int, int]:
        """Shares of `code` bought today, and those that open orders may still buy."""
        bought = sum(trade.amount for trade in self.book.trades if trade.code == code and trade.side is Side.BUY)
        return bought, sum(order.open_amount for order in self.book.open_orders(code) if order.side is Side.BUY)

    def _create(
        self, wish: Wish, parent: OrderId, amount: int, order_type: OrderType, limit: Price, now: datetime
    ) -> Order:
        number = self.next_number
        self.next_number += 1
        return Order(
            order_id=OrderId(number),
            parent_id=parent,
            tag=order_tag(self._terms.tag_label, self._terms.run_number, number),
            code=wish.security.code,
            side=wish.side,
            amount=amount,
            order_type=order_type,
            limit_price=limit,
            created_at=now,
            reference_price=wish.last_price,
        )

    def _send(self, order: Order, adjustments: tuple[str, ...], now: datetime, by_operator: bool) -> None:
        # Told before it leaves: the control thread cancels what it was told of, and must not miss one.
        self._audience.tell(OrderPlaced(now, self.facts(order), adjustments))
        with self._brake.leaving:
            blocked = self._brake.refusal(order.code, by_operator)
            if blocked is None:
                self._broker.submit(
                    OrderTicket(order.tag, order.code, order.side, order.amount, order.order_type, order.limit_price)
                )
        if blocked is not None:  # written down, and provably never sent
            self.take(Rejected(order.tag, blocked.text(), now, blocked.rule), now)

    def _refuse(self, now: datetime, code: Code, side: Side, amount: int, refusal: Refusal, asked: Asked) -> None:
        self.book.sums.refused += 1
        self.book.sums.refuse(refusal.rule)
        security = self._securities(code)
        name = security.name if security is not None else ""
        reason = refusal.text()
        body: dict[str, object] = {
            "code": code,
            "side": side.name,
            "amount": amount,
            "rule": refusal.rule,
            "value": refusal.value,
            "bound": refusal.bound,
            "text": reason,
            "asked": asked,
        }
        self._journal.append(now, "refused", body)
        self._audience.tell(OrderRefused(now, code, name, side, amount, refusal.rule, reason))

    # -- cancelling ------------------------------------------------------------------------------------------------

    def cancel(self, order: Order, now: datetime, asked_already: bool = False, by_operator: bool = False) -> bool:
        """Ask the broker to cancel; False when the order is already over, or a limit forbids it (told and journaled).

        `asked_already`: the control thread did ask. `by_operator`: no limit holds the cancel.
        """
        if order.is_final:
            return False
        if not by_operator:
            if self.gate is not None and (refusal := self.gate.cancel(order, now)) is not None:
                self._forbid_cancel(order, refusal, now)
                return False
            if self.pace is not None:
                self.pace.cancel_turn()
                if order.state in FINAL:  # it was over before its turn came
                    return False
                now = self._now()
        self._journal.append(now, "cancel", {"order_id": order.order_id, "tag": order.tag})
        self._journal.barrier()
        self.book.request_cancel(order, now)
        if self.pace is not None:
            self.pace.sent()
        if not asked_already:
            self._broker.cancel(order.tag)
        return True

    def _forbid_cancel(self, order: Order, refusal: Refusal, now: datetime) -> None:
        self.book.sums.refuse(refusal.rule)
        reason = refusal.text()
        body: dict[str, object] = {
            "order_id": order.order_id,
            "tag": order.tag,
            "rule": refusal.rule,
            "value": refusal.value,
            "bound": refusal.bound,
            "text": reason,
        }
        self._journal.append(now, "cancel_forbidden", body)
        self._audience.tell(CancelForbidden(now, self.facts(order), refusal.rule, reason))

    def lose_sight(self, reason: str, now: datetime) -> None:
        """The link is down: what becomes of open orders from now on is not known until a report proves it."""
        for order in self.book.open_orders():
            self.take(NoAnswer(order.tag, reason, now), now)

    # -- reports ---------------------------------------------------------------------------------------------------

    def take(self, report: OrderReport, now: datetime) -> None:
        """Apply a broker's report about an order. Repeated and late reports change nothing twice."""
        self._journal.append(now, "report", report)
        self._journal.barrier()
        outcome = self.book.apply(report, now)
        order = outcome.order
        if outcome.ignored or order is None:
            number = order.order_id if order is not None else None
            self._journal.append(now, "report_ignored", {"order_id": number, "text": outcome.ignored})
            self._audience.tell(ReportIgnored(now, outcome.ignored))
        elif outcome.finished:
            profit = order.profit if order.side is Side.SELL and order.filled else None
            elapsed_s = (now - order.created_at).total_seconds()
            self._audience.tell(OrderFinished(now, self.facts(order), elapsed_s, profit))
        elif outcome.filled and isinstance(report, Filled):
            if order.is_final:
                self._audience.tell(FilledLate(now, self.facts(order), report.amount, report.price))
            else:
                self._audience.tell(PartFilled(now, self.facts(order)))

    def facts(self, order: Order) -> OrderFacts:
        """The order as it stands, for those who watch."""
        security = self._securities(order.code)
        return OrderFacts(
            order.order_id,
            order.code,
            security.name if security is not None else "",
            order.side,
            order.amount,
            order.order_type,
            order.limit_price,
            order.reference_price,
            order.state,
            order.filled,
            order.average_price,
            order.fees,
            order.reason,
        )


def order_tag(label: str, run_number: int, number: int) -> str:
    """The unique client tag of an order: at most 24 ASCII characters, as much as a terminal's remark keeps.

    ``bt:<label>:<run><number>``: the last eight digits are hexadecimal, three of the run and five of the order.
    """
    return f"bt:{label}:{run_number & 0xFFF:03x}{number & 0xFFFFF:0{NUMBER_DIGITS}x}"


def tag_label(name: str) -> str:
    """A strategy's name as it may stand in a tag: at most 12 of a-z, 0-9, ``_`` and ``-``."""
    kept = "".join(c for c in name.lower() if c.isascii() and (c.isalnum() or c in "_-"))
    return kept[:12] or "strategy"
