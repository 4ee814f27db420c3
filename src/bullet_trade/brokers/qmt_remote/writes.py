"""Orders and cancels on their way to the server. An order is sent once, under a key of its own.

When its answer is lost, the server is asked what became of the key, where it can be asked; else the lists of the day
decide after a while. A cancel may be sent again, it can do no harm twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol
from uuid import UUID

import msgspec

from bullet_trade.brokers.qmt.agenda import Agenda
from bullet_trade.brokers.qmt_remote import answers
from bullet_trade.brokers.qmt_remote.orders import OrderTable, Tracked
from bullet_trade.brokers.qmt_remote.terms import RemoteTerms
from bullet_trade.brokers.qmt_remote.wire_time import ServerClock
from bullet_trade.domain.money import yuan
from bullet_trade.domain.orders import OrderType
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.remote import body, features, status
from bullet_trade.remote.errors import FrameError, RemoteError
from bullet_trade.remote.link import Done, NoReply, NotSent, Outcome
from bullet_trade.remote.market import moment_text
from bullet_trade.remote.submissions import CANCEL, PLACE, stand_in_id
from bullet_trade.remote.trading import CancelOrder, PlaceOrder, ResolveSubmission, Style, Submission

log = logging.getLogger(__name__)

RESOLVE = "broker.resolve_submission"
LARGEST_ORDER = 1_000_000
"""Deployed servers split what is larger, under one remark and one number."""
_NOT_KNOWN = "未实现"
"""What a server says that has no such action."""

_submission = msgspec.json.Decoder(Submission)


class Requests(Protocol):
    """Sends requests; `remote.link.Link` is one."""

    def request(
        self, action: str, payload: msgspec.Struct | dict[str, object], done: Done, limit_s: float | None = None
    ) -> None:
        """Send a request; `done` gets what came of it, once."""


class Writes:
    """Places, cancels and resolves. Called under the broker's lock; `look` asks for the lists of the day."""

    def __init__(
        self,
        terms: RemoteTerms,
        table: OrderTable,
        agenda: Agenda,
        clock: ServerClock,
        now: Callable[[], datetime],
        new_id: Callable[[], UUID],
        look: Callable[[], None],
    ) -> None:
        self._terms = terms
        self._table = table
        self._agenda = agenda
        self._clock = clock
        self._now = now
        self._new_id = new_id
        self._look = look
        self._agreed: frozenset[str] = frozenset()
        self._resolves = True
        self._guard: Callable[[Done], Done] = lambda done: done
        self.requests: Requests
        self._chasing: set[str] = set()

    def use(self, requests: Requests, guard: Callable[[Done], Done]) -> None:
        """Send with `requests`; `guard` puts what handles an outcome under the broker's lock."""
        self.requests = requests
        self._guard = guard

    def greet(self, agreed: frozenset[str]) -> None:
        """A connection stands; the server grants these extensions."""
        self._agreed = agreed
        self._resolves = True

    # -- placing ---------------------------------------------------------------------------------------------------

    def place(self, ticket: OrderTicket) -> None:
        """Send an order."""
        request = self._order(ticket)
        order = self._table.submit(ticket, request, self._agenda.monotonic())
        if ticket.amount > LARGEST_ORDER and features.REPORTS not in self._agreed:
            text = f"{ticket.code} 单笔 {ticket.amount}：旧版服务端会把超过 {LARGEST_ORDER} 的委托拆开，无法逐笔跟踪"
            self._table.reject(order, f"{text}。请减少每笔数量，或升级服务端", "order_size")
            return
        self._agenda.after(self._terms.answer_s, partial(self._unanswered, order))
        self.requests.request(PLACE, request, self._guard(partial(self._placed, order)), self._terms.place_s)

    def _order(self, ticket: OrderTicket) -> PlaceOrder:
        terms = self._terms
        limit = yuan(ticket.limit_price) if ticket.limit_price else None
        market = ticket.order_type is OrderType.MARKET
        deadline = None
        if features.DEADLINE in self._agreed and self._clock.known:
            deadline = moment_text(self._clock.theirs(self._now() + timedelta(seconds=terms.deadline_s)))
        return PlaceOrder(
            account_key=terms.account_key or None,
            sub_account_id=terms.sub_account or None,
            security=ticket.code,
            side=ticket.side.name,
            amount=ticket.amount,
            style=Style(type="market", protect_price=limit) if market else Style(type="limit", price=limit),
            market=True if market else None,
            wait_timeout=0.0,
            order_remark=ticket.tag,
            # Reports come by this tag, and the engine has split by the exchange's rules already.
            one_order=True if features.REPORTS in self._agreed else None,
            idempotency_key=f"bt-place_order-{self._new_id().hex}",
            deadline=deadline,
        )

    def _placed(self, order: Tracked, outcome: Outcome) -> None:
        match outcome:
            case NotSent(reason):
                self._table.reject(order, f"远程服务未连接（{reason}），委托没有发出", "link_down")
            case NoReply(reason):
                self._doubt(order, answers.Doubtful(reason))
            case RemoteError() as error:
                self._conclude(order, answers.failed(error))
            case payload:
                self._conclude(order, answers.placed(payload))

    def _conclude(self, order: Tracked, verdict: answers.Verdict) -> None:
        match verdict:
            case answers.Accepted(broker_id):
                self._table.accept(order, broker_id)
                if order.cancelling:
                    self._send_cancel(order)
            case answers.Refused(reason, rule):
                self._table.reject(order, reason, rule)
            case answers.NeverReceived():
                self._table.absent(order, "服务端没有收到这笔委托，此后也不会再执行")
            case answers.Doubtful():
                self._doubt(order, verdict)

    def _unanswered(self, order: Tracked) -> None:
        if order.open_fate and not order.over:
            self._doubt(order, answers.Doubtful(f"{self._terms.answer_s:g} 秒没有应答"))

    def _doubt(self, order: Tracked, doubtful: answers.Doubtful) -> None:
        terms = self._terms
        order.refusal = doubtful.refusal or order.refusal
        wait_s = terms.failed_s if doubtful.refusal else terms.settle_s
        self._table.doubt(order, doubtful.reason, self._agenda.monotonic() + wait_s)
        self._chase(order, terms.chase_s)

    # -- finding out -----------------------------------------------------------------------------------------------

    def chase_all(self) -> None:
        """A connection stands again: ask after every order whose answer was lost."""
        for order in self._table.open_fates():
            if order.doubt:
                self._ask_fate(order, self._terms.chase_s)

    def _chase(self, order: Tracked, pause_s: float) -> None:
        if order.tag not in self._chasing and order.open_fate and not order.over:
            self._chasing.add(order.tag)
            self._agenda.after(pause_s, partial(self._chase_now, order, pause_s))

    def _chase_now(self, order: Tracked, pause_s: float) -> None:
        self._chasing.discard(order.tag)
        if order.open_fate and not order.over:
            self._ask_fate(order, min(pause_s * 2, self._terms.chase_most_s))

    def _ask_fate(self, order: Tracked, pause_s: float) -> None:
        if order.request is None or not self._resolves:
            self._look()
            self._chase(order, pause_s)
            return
        asked = ResolveSubmission(
            account_key=self._terms.account_key or None,
            sub_account_id=self._terms.sub_account or None,
            idempotency_key=order.request.idempotency_key,
            write_action=PLACE,
            request_payload=msgspec.Raw(body.encode(order.request)),
        )
        done = self._guard(partial(self._resolved, order, order.request, pause_s))
        self.requests.request(RESOLVE, asked, done, self._terms.query_s)

    def _resolved(self, order: Tracked, request: PlaceOrder, pause_s: float, outcome: Outcome) -> None:
        match outcome:
            case NotSent() | NoReply():
                pass  # asked again when a connection stands
            case RemoteError() as error:
                if _NOT_KNOWN in error.text:
                    self._resolves = False
                    self._look()
                log.warning("查询委托 %s 的结果失败：%s", order.tag, error.text)
            case payload:
                self._conclude(order, answers.resolved(payload, request.idempotency_key or "", request))
        self._chase(order, pause_s)

    # -- cancelling ------------------------------------------------------------------------------------------------

    def cancel(self, tag: str) -> None:
        """Ask to cancel."""
        order = self._table.get(tag)
        if order is None:
            self._table.refuse_cancel(tag, "没有这笔委托")
        elif order.over:
            self._table.refuse_cancel(tag, "委托已经结束")
        else:
            order.cancelling = True
            if order.broker_id or features.REPORTS in self._agreed:
                self._send_cancel(order)

    def _send_cancel(self, order: Tracked) -> None:
        number = order.broker_id
        if not number and order.request is not None:
            # A server of ours knows the order by its key before its number is known here.
            number = stand_in_id(order.request.idempotency_key or "")
        request = CancelOrder(
            account_key=self._terms.account_key or None,
            sub_account_id=self._terms.sub_account or None,
            order_id=number,
            idempotency_key=f"bt-cancel_order-{self._new_id().hex}",
            wait_timeout=self._terms.cancel_s if features.REPORTS in self._agreed else None,
        )
        self.requests.request(CANCEL, request, self._guard(partial(self._cancelled, order)), self._terms.place_s)

    def _cancelled(self, order: Tracked, outcome: Outcome) -> None:
        if not order.cancelling or order.over:
            return
        match outcome:
            case NotSent(reason):
                self._table.refuse_cancel(order.tag, f"远程服务未连接（{reason}），撤单没有发出")
            case NoReply(reason):
                self._table.refuse_cancel(order.tag, f"撤单结果未知：{reason}")
            case RemoteError() as error:
                self._table.refuse_cancel(order.tag, error.text)
            case payload:
                self._judge_cancel(order, payload)
        self._look()

    def _judge_cancel(self, order: Tracked, payload: msgspec.Raw) -> None:
        """The order's own row decides, not what the answer calls it: only a cancel that certainly came to nothing is
        told from here."""
        try:
            answer = body.parse(_submission, payload, body.IN_ANSWERS)
        except (msgspec.ValidationError, FrameError) as error:
            self._table.refuse_cancel(order.tag, f"撤单的应答无法读取：{error}")
            return
        word = answer.last_snapshot.status if answer.last_snapshot is not None else answer.status
        if word in status.CANCELLED:
            return  # the list or a push tells it, with the fills before it
        if word in status.FINAL:
            self._table.refuse_cancel(order.tag, "委托已经结束")
        elif answer.timed_out or word == "canceling":
            self._agenda.after(self._terms.cancel_s, partial(self._check_cancel, order))
        else:
            self._table.refuse_cancel(order.tag, answer.status_msg or answer.reason or f"撤单没有生效（{word}）")

    def _check_cancel(self, order: Tracked) -> None:
        if order.cancelling and not order.over:
            self._table.refuse_cancel(order.tag, "一直没有撤单结果，委托可能仍然有效")
            self._look()
