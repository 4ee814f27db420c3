"""What the wheel calls: each copies plain values out of its object, posts them and returns.

The wheel swallows whatever a callback raises, so each is guarded here and an unreadable push is told as such. No call
of the wheel is made from here: its threads would wait for themselves.
"""

from __future__ import annotations

from collections.abc import Callable

from bullet_trade.brokers.qmt.fields import FieldError, whole, words, words_or_none
from bullet_trade.brokers.qmt.messages import (
    AccountStatus,
    Answered,
    CancelAnswered,
    Disconnected,
    Garbled,
    Message,
    OrderAnswered,
    OrderFailed,
    Post,
    Query,
)
from bullet_trade.brokers.qmt.translate import is_stock, order_news, rows_of, trade_news
from bullet_trade.brokers.qmt.wheel import Answer


class Callbacks:
    """The callbacks of connection `session`, for a class that also inherits the wheel's own base."""

    def __init__(self, post: Post, session: int, account_id: str) -> None:
        self._post_message = post
        self._session = session
        self._account_id = account_id

    def on_disconnected(self) -> None:
        self._post_message(Disconnected(self._session))

    def on_account_status(self, source: object) -> None:
        self._take("账号状态", lambda: self._status(source))

    def on_stock_order(self, source: object) -> None:
        self._take("委托推送", lambda: order_news(source) if self._own(source) else None)

    def on_stock_trade(self, source: object) -> None:
        self._take("成交推送", lambda: trade_news(source) if self._own(source) else None)

    def on_order_error(self, source: object) -> None:
        self._take("下单错误", lambda: self._error(source))

    def on_cancel_error(self, source: object) -> None:
        self._take(
            "撤单错误", lambda: CancelAnswered(whole(source, "order_id"), False, words_or_none(source, "error_msg"))
        )

    def on_order_stock_async_response(self, source: object) -> None:
        self._take("下单应答", lambda: self._answer(source))

    def on_cancel_order_stock_async_response(self, source: object) -> None:
        self._take(
            "撤单应答",
            lambda: CancelAnswered(
                whole(source, "order_id"), whole(source, "cancel_result") == 0, words_or_none(source, "error_msg")
            ),
        )

    def _own(self, source: object) -> bool:
        """A terminal may serve several accounts; pushes without an account are taken for ours."""
        return words_or_none(source, "account_id") in ("", self._account_id)

    def _status(self, source: object) -> AccountStatus | None:
        if not is_stock(source):
            return None
        return AccountStatus(self._session, words(source, "account_id"), whole(source, "status"))

    def _error(self, source: object) -> OrderFailed:
        seq = getattr(source, "seq", 0)  # not every build has it
        return OrderFailed(
            self._session,
            seq if isinstance(seq, int) else 0,
            words_or_none(source, "order_remark"),
            whole(source, "order_id"),
            words_or_none(source, "error_msg"),
        )

    def _answer(self, source: object) -> OrderAnswered:
        return OrderAnswered(
            self._session,
            whole(source, "seq"),
            words_or_none(source, "order_remark"),
            whole(source, "order_id"),
            words_or_none(source, "error_msg"),
        )

    def _take(self, what: str, read: Callable[[], Message | None]) -> None:
        try:
            message = read()
        except FieldError as error:
            message = Garbled(f"{what}无法读取：{error}")
        except Exception as error:  # noqa: BLE001  # the wheel would swallow it without a trace
            message = Garbled(f"{what}处理出错：{type(error).__name__}: {error}")
        if message is not None:
            self._post_message(message)


def callback_object(base: type, post: Post, session: int, account_id: str) -> object:
    """An object for the wheel: our callbacks over its base class, which has those that we do not need."""
    made: object = type("QmtCallbacks", (Callbacks, base), {})(post, session, account_id)
    return made


def answer_to(post: Post, query: Query, number: int, account_id: str) -> Answer:
    """The callback for one query: reads the answer and posts it."""

    def take(answer: object) -> None:
        try:
            post(Answered(number, rows_of(query, answer, account_id)))
        except FieldError as error:
            post(Answered(number, None, str(error)))
        except Exception as error:  # noqa: BLE001  # the wheel would swallow it without a trace
            post(Answered(number, None, f"{type(error).__name__}: {error}"))

    return take
