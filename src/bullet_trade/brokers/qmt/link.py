"""The adapter's mind: takes messages one at a time, keeps the connection, the orders and the account in view, and tells
the engine. One thread only; nothing here waits."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from random import Random

from bullet_trade.brokers.qmt.agenda import Agenda, Entry
from bullet_trade.brokers.qmt.calls import Caller
from bullet_trade.brokers.qmt.messages import (
    AccountStatus,
    Answered,
    Called,
    Cancel,
    CancelAnswered,
    Close,
    Disconnected,
    Garbled,
    Message,
    OrderAnswered,
    OrderFailed,
    OrderNews,
    Post,
    Push,
    Submit,
    Subscribed,
    TradeNews,
    WantSnapshot,
)
from bullet_trade.brokers.qmt.orders import OrderTable, Tracked
from bullet_trade.brokers.qmt.price_types import priced, refuses_market_types
from bullet_trade.brokers.qmt.session import Ears, OrderCall, Session
from bullet_trade.brokers.qmt.statement import account_contradiction, contradiction, statement, unproved
from bullet_trade.brokers.qmt.survey import EVERYTHING, Found, Survey
from bullet_trade.brokers.qmt.terms import QmtTerms
from bullet_trade.brokers.qmt.translate import ACCOUNT_STATES, ORDER_TYPES, masked
from bullet_trade.brokers.qmt.wheel import Wheel
from bullet_trade.domain.reports import LinkDown, LinkUp, Rejected, Report
from bullet_trade.market.codes import to_qmt
from bullet_trade.ports.broker import OrderTicket

log = logging.getLogger(__name__)

USABLE = frozenset({0, 6})
"""States of the account in which the terminal serves it: normal, and after the close."""
CONTRADICTIONS = 3
"""Answers in a row that cannot be true together, until the connection is given up."""
POLL_WITHOUT_PUSHES_S = 3.0
MOST_GARBLED = 100
"""So many different unreadable pushes are named."""


class Link:
    """One account at one terminal. `tell` takes the reports; `watching` says whether a lost connection matters now."""

    def __init__(
        self,
        terms: QmtTerms,
        wheel: Wheel,
        caller: Caller,
        agenda: Agenda,
        post: Post,
        now: Callable[[], datetime],
        watching: Callable[[], bool],
        draw: Random,
        tell: Callable[[Report], None],
    ) -> None:
        self.agenda = agenda
        self._terms = terms
        self._now = now
        self._watching = watching
        self._tell_engine = tell
        ears = Ears(self._opened, self._lost, self._status)
        self._session = Session(terms, wheel, caller, agenda, post, watching, draw, ears)
        self._survey = Survey(terms, agenda, now, self._session.ask, self._found, self._session.lose)
        self._table = OrderTable(terms.tag_prefix, self._tell, now, agenda.monotonic)
        self._table.number_known = self._number_known
        self._table.rejected = self._rejected
        self._market_types = terms.market_types
        self._told_up: bool | None = None
        self._down_reason = "尚未连接"
        self._account_state = 0
        self._contradictions = 0
        self._look: Entry | None = None
        self._looks = 0
        self._chasing = False
        self._tags: dict[tuple[int, int], str] = {}
        self._unplaced: dict[tuple[int, int], OrderAnswered | OrderFailed] = {}
        self._garbled: set[str] = set()
        self.closed = False

    def begin(self) -> None:
        """Start to connect."""
        self._session.open()

    def handle(self, message: Message) -> None:
        """Take one message."""
        match message:
            case Called():
                self._session.called(message)
            case Answered():
                self._session.answered(message)
            case Submit(ticket):
                self._submit(ticket)
            case Cancel(tag):
                self._cancel(tag)
            case WantSnapshot():
                if self._session.proved:
                    self._survey.want(everything=True)
            case Close():
                self._close()
            case _:
                self._pushed(message)

    def _pushed(self, message: Push) -> None:
        match message:
            case OrderNews() | TradeNews():
                self._survey.disturb()
                self._table.take(message)
                self._plan_look()
            case OrderAnswered() | OrderFailed():
                self._order_answered(message)
            case CancelAnswered(order_id, sent, reason):
                if self._table.cancel_answered(order_id, sent, self._masked(reason)) is not None:
                    self._look_now()
            case Disconnected(number):
                if number == self._session.number:
                    self._session.lose("QMT 终端断开了连接")
            case Subscribed():
                self._session.subscribed(message)
            case AccountStatus(number, account_id, status):
                if number == self._session.number and account_id == self._terms.account_id:
                    self._status(status)
            case Garbled(text):
                self._take_garbled(text)

    def broken(self, error: Exception) -> None:
        """Something of the adapter itself failed; what was pushed meanwhile is fetched over a new connection."""
        log.error("QMT 适配器内部错误", exc_info=error)
        self._session.lose(f"适配器内部错误（{type(error).__name__}）")

    def _close(self) -> None:
        self.closed = True
        self._survey.stop()
        self._session.close()
        self.agenda.clear()

    # -- orders ----------------------------------------------------------------------------------------------------

    def _submit(self, ticket: OrderTicket) -> None:
        self._table.open_day(self._now().date())
        if not self._up:
            self._tell_down()
            reason = f"QMT 未连接（{self._down_reason}），委托没有发出"
            self._tell(Rejected(ticket.tag, reason, self._now(), "link_down"))
            return
        order = self._table.submit(ticket)
        price_type, price = priced(ticket, self._market_types)
        number = self._session.number
        self.agenda.after(self._terms.answer_s, lambda: self._unanswered(order))
        self._session.order(
            OrderCall(
                to_qmt(ticket.code),
                ORDER_TYPES[ticket.side],
                ticket.amount,
                price_type,
                price,
                ticket.tag,
                lambda seq: self._sent(number, seq, order),
                lambda error: self._order_failed(order.tag, 0, error),
                lambda: self._table.refuse(order, "连接已断开，委托没有发出", "link_down"),
                lambda: self._table.may_yet_leave(order),
            )
        )
        self._plan_look()

    def _sent(self, session: int, seq: object, order: Tracked) -> None:
        if not isinstance(seq, int) or seq <= 0:
            self._order_failed(order.tag, 0, f"终端没有接受请求（返回 {seq}）")
            return
        if not order.over:
            self._tags[session, seq] = order.tag
        early = self._unplaced.pop((session, seq), None)
        if early is not None:
            self._order_answered(early)

    def _order_answered(self, message: OrderAnswered | OrderFailed) -> None:
        key = (message.session, message.seq)
        tag = message.tag if self._table.get(message.tag) is not None else self._tags.get(key, "")
        if not tag and message.session == self._session.number and message.seq > 0:
            self._unplaced[key] = message  # the answer was faster than the call that asked
        elif isinstance(message, OrderAnswered) and message.order_id > 0:
            self._table.number(tag, message.order_id)
        else:
            self._order_failed(tag, message.order_id, self._masked(message.reason))

    def _order_failed(self, tag: str, order_id: int, reason: str) -> None:
        self._table.fail(tag, order_id, reason)
        if self._table.unsettled():
            self._look_now()

    def _unanswered(self, order: Tracked) -> None:
        if order.over or order.seen:
            return
        self._table.no_answer(order, f"QMT 在 {self._terms.answer_s:g} 秒内没有应答")
        self._look_now()
        if not self._chasing:
            self._chasing = True
            self.agenda.after(self._terms.settle_s, self._chase)

    def _chase(self) -> None:
        """Ask for the account again while the fate of an order is open: only a list some time after it proves that it
        never arrived."""
        self._chasing = bool(unproved(self._table))
        if self._chasing:
            if self._session.proved:
                self._survey.want(everything=True)
            self.agenda.after(self._terms.settle_s, self._chase)

    def _rejected(self, order: Tracked) -> None:
        if order.market and self._market_types and refuses_market_types(order.reason):
            self._market_types = False
            log.warning("账户不接受市价委托，此后的市价单改为保护价限价委托；可设 QMT_MARKET_ORDERS=limit")

    def _number_known(self, order: Tracked) -> None:
        if order.cancelling:
            self._send_cancel(order)

    # -- cancelling ------------------------------------------------------------------------------------------------

    def _cancel(self, tag: str) -> None:
        order = self._table.get(tag)
        if order is None:
            self._table.refuse_cancel(tag, "没有这笔委托")
        elif order.over:
            self._table.refuse_cancel(tag, "委托已经结束")
        elif not self._up:
            self._table.refuse_cancel(tag, f"QMT 未连接（{self._down_reason}），撤单没有发出")
        else:
            order.cancelling = True
            if order.order_id:
                self._send_cancel(order)

    def _send_cancel(self, order: Tracked) -> None:
        if not self._session.proved:
            return
        number = order.order_id
        self._session.cancel(number, lambda error: self.handle(CancelAnswered(number, False, error)))
        self.agenda.after(self._terms.cancel_s, lambda: self._check_cancel(order))

    def _check_cancel(self, order: Tracked) -> None:
        if order.cancelling and not order.over and order.cancel_answer_s is None:
            order.cancel_answer_s = self.agenda.monotonic()
            self._look_now()

    # -- looking at the lists --------------------------------------------------------------------------------------

    def _look_now(self) -> None:
        self._looks = 0
        if self._session.proved:
            self._survey.want(everything=False)

    def _plan_look(self) -> None:
        """Look again soon while questions are open, less and less often; seldom while orders are only open."""
        terms = self._terms
        if self._table.unsettled():
            pause_s = min(terms.look_s * 2 ** min(self._looks, 16), terms.poll_s)
        elif self._table.alive():
            pause_s = terms.poll_s if terms.subscribe else POLL_WITHOUT_PUSHES_S
        else:
            return
        if self._look is not None:
            if self._look.due_s <= self.agenda.monotonic() + pause_s:
                return
            self._look.cancel()
        self._looks += 1
        self._look = self.agenda.after(pause_s, self._look_again)

    def _look_again(self) -> None:
        self._look = None
        if self._session.proved:
            self._survey.want(everything=False)

    def _found(self, found: Found) -> None:
        everything = len(found.answers) == len(EVERYTHING)
        wrong = contradiction(found, self._table) or (account_contradiction(found) if everything else "")
        if wrong:
            self._contradicted(wrong, everything)
            return
        self._contradictions = 0
        self._session.prove()
        if everything and self._account_state in USABLE:
            self._tell_up()
        self._table.open_day(self._now().date())
        self._table.take_lists(found.orders or (), found.trades or (), found.asked_s)
        if everything:
            self._state(found)
        self._plan_look()

    def _state(self, found: Found) -> None:
        snapshot = statement(found, self._table, self._terms.settle_s)
        self._table.stated_at = max(self._table.stated_at, self._now())
        self._tell(snapshot)
        if snapshot.complete:
            for order in unproved(self._table):
                self._table.absent(order)

    def _contradicted(self, wrong: str, everything: bool) -> None:
        self._contradictions += 1
        if self._contradictions >= CONTRADICTIONS:
            self._contradictions = 0
            self._session.lose(f"QMT 的查询结果前后矛盾：{wrong}")
        else:
            number = self._session.number
            self.agenda.after(self._terms.query_gap_s, lambda: self._ask_again(number, everything))

    def _ask_again(self, number: int, everything: bool) -> None:
        if number == self._session.number:
            self._survey.want(everything)

    # -- the connection --------------------------------------------------------------------------------------------

    @property
    def _up(self) -> bool:
        return self._session.proved and self._told_up is True and self._account_state in USABLE

    def _opened(self) -> None:
        self._account_state = 0
        self._survey.want(everything=True)

    def _lost(self, reason: str) -> None:
        self._survey.stop()
        self._tags.clear()
        self._unplaced.clear()
        self._contradictions = 0
        self._down_reason = self._masked(reason)
        if self._told_up is None or self._watching() or self._table.alive():
            self._tell_down()
        self._table.lose_sight()

    def _status(self, status: int) -> None:
        before, self._account_state = self._account_state, status
        if status in USABLE:
            if before not in USABLE and self._session.proved:
                self._survey.want(everything=True)
            return
        self._down_reason = f"资金账号状态：{ACCOUNT_STATES.get(status, str(status))}"
        if self._watching() or self._table.alive():
            self._tell_down()

    def _tell_up(self) -> None:
        if self._told_up is not True:
            self._told_up = True
            self._tell(LinkUp(self._now()))

    def _tell_down(self) -> None:
        if self._told_up is not False:
            self._told_up = False
            self._tell(LinkDown(self._down_reason, self._now()))

    # -- telling ---------------------------------------------------------------------------------------------------

    def _tell(self, report: Report) -> None:
        if not self.closed:
            self._tell_engine(report)

    def _masked(self, text: str) -> str:
        return masked(text, self._terms.account_id)

    def _take_garbled(self, text: str) -> None:
        """Something was pushed and could not be read: the lists say what it was."""
        if text not in self._garbled and len(self._garbled) < MOST_GARBLED:
            self._garbled.add(text)
            log.warning("QMT %s", self._masked(text))
        self._survey.disturb()
        self._look_now()
