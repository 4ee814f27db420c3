"""How an order or a cancel comes before the server's own limits. Runs on the account's thread."""

from __future__ import annotations

import logging
from collections.abc import Callable

from bullet_trade.domain.errors import StateError
from bullet_trade.domain.money import Price, price
from bullet_trade.domain.securities import Code
from bullet_trade.server.books import Books
from bullet_trade.server.desk import Desk
from bullet_trade.server.records import Record
from bullet_trade.server.submission_file import CancelNote

log = logging.getLogger("bullet_trade.server")


def books(desk: Desk) -> Books:
    """The account as the server's limits see it now."""
    orders = (record.order for record in desk.records.values())

    def previous_close(code: Code) -> Price:
        quotes = desk.world.quotes
        return price(quotes.facts(code).prev_close) if quotes.known(code) else Price(0)

    return Books(
        desk.owner.clock.now(),
        desk.last,
        tuple(order for order in orders if order.order_id),  # adopted ones have no number: they came from elsewhere
        tuple(desk.cancels),
        lambda code: price(desk.price_now(code)),
        previous_close,
    )


def when_account_known(desk: Desk, act: Callable[[], None]) -> None:
    """Run `act` once the account is young enough for the limits, or cannot be had."""
    age_s = desk.terms.account_age_s
    if age_s is None or books(desk).account_is_young(age_s):
        act()
    else:
        desk.read(lambda _view, _reason: act(), fresh=True)


def cancel_forbidden(desk: Desk, record: Record) -> str:
    """Why the order may not be cancelled, '' where it may; then the cancel is counted."""
    if desk.terms.check_cancel is None:
        return ""
    reason = desk.terms.check_cancel(record.order, books(desk))
    if not reason:
        note = CancelNote(record.order.tag, desk.owner.clock.now())
        desk.cancels.append(note)
        try:
            desk.file.note_cancel(record.sub, note)
        except StateError as error:  # a cancel lowers the risk: it leaves all the same
            log.warning("撤单次数没有写盘，重启后会少计：%s", error)
    return reason
