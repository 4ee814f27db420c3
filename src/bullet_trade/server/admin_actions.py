"""The `admin.` actions: the state of the server, and an account as a text."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from bullet_trade.domain.money import text, yuan
from bullet_trade.engine.clock import BEIJING
from bullet_trade.remote import body
from bullet_trade.remote.submissions import CANCEL, PLACE
from bullet_trade.remote.trading import AccountQuery, read_payload
from bullet_trade.server.account_views import View
from bullet_trade.server.accounts import Directory
from bullet_trade.server.broker_actions import desk_of
from bullet_trade.server.desk import Desk
from bullet_trade.server.refusals import harmless, unavailable
from bullet_trade.server.reply import Reply
from bullet_trade.server.session import Session

log = logging.getLogger("bullet_trade.server")


class _PrintAccount(AccountQuery, kw_only=True):
    limit: int | None = None


_ROWS = 20
"""So many holdings are printed where the request does not say."""

_print = msgspec.json.Decoder(_PrintAccount)


class Terms(Protocol):
    """What is told of the server's settings."""

    @property
    def directory(self) -> Directory: ...

    @property
    def backend_type(self) -> str: ...

    @property
    def modules(self) -> tuple[str, ...]: ...

    @property
    def log_account(self) -> bool: ...


class Running(Protocol):
    """The server, as far as its state is told."""

    @property
    def terms(self) -> Terms: ...

    @property
    def uptime_s(self) -> float: ...

    @property
    def sessions(self) -> set[Session]: ...


class AdminActions:
    """Work while the broker is down."""

    def __init__(self, server: Running, desks: dict[str, Desk]) -> None:
        self._server = server
        self._desks = desks
        self.table: dict[str, Callable[[Session, Reply, msgspec.Raw], None]] = {
            "admin.health": self.health,
            "admin.print_account": self.print_account,
        }

    def health(self, session: Session, reply: Reply, _: msgspec.Raw) -> None:
        """`admin.health`."""
        terms = self._server.terms
        seen = {key: desk for key, desk in self._desks.items() if session.grant is None or session.grant.admits(key)}
        value: dict[str, object] = {
            "process_alive": True,
            "uptime_seconds": round(self._server.uptime_s, 3),
            "sessions": len(self._server.sessions),
            "accounts": list(seen) if seen else [one.key for one in terms.directory.accounts],
            "features": list(terms.modules),
            "backend_type": terms.backend_type,
            "qmt": guard(terms.backend_type, seen),
            "idempotency": {
                "mode": "durable",
                "key_required": False,
                "entries": sum(len(desk.submissions) for desk in seen.values()),
                "max_entries": None,  # there is no limit
                "saturated": False,
                "cross_restart_exactly_once": True,
                "unknown_auto_resend": False,
            },
        }
        reply.answer(body.encode({"dtype": "dict", "value": value}))

    def print_account(self, session: Session, reply: Reply, payload: msgspec.Raw) -> None:
        """`admin.print_account`."""
        query = read_payload(_print, payload)
        desk, target = desk_of(self._server.terms.directory, self._desks, session, query)

        def answer(view: View | None, reason: str) -> None:
            if view is None:
                reply.refuse(unavailable(harmless(reason), write=False))
                return
            shown = overview(desk.seen_by(target, view), _ROWS if query.limit is None else query.limit)
            if self._server.terms.log_account:
                log.info("账户 %s\n%s", target.account_key, shown)
            made: dict[str, object] = {"dtype": "text", "value": shown, "account_key": target.account_key}
            if target.sub is not None:
                made["sub_account_id"] = target.sub_name
            reply.answer(body.encode(made))

        desk.ask(answer)


def guard(backend_type: str, desks: Mapping[str, Desk]) -> dict[str, object]:
    """The connections to the broker in the keys that deployed servers use; `last_error_at` in seconds since 1970.

    Left out is what belongs to their way of connecting again: pauses, probes, the number of sockets."""
    working = {key: desk.connected and desk.owner.alive for key, desk in desks.items()}
    ready = all(working.values())
    state = "ready" if ready else "unavailable"
    reason = "；".join(desk.down_reason for desk in desks.values() if desk.down_reason)
    losses = [desk.last_loss for desk in desks.values() if desk.last_loss is not None]
    last = max(losses, key=lambda loss: loss.at, default=None)
    action = {"status": state, "reason": reason} if reason else {"status": state}
    return {
        "name": backend_type,
        "backend_type": backend_type,
        "ready": ready,
        "state": state,
        "reason": reason,
        "failure_count": sum(desk.losses for desk in desks.values()),
        "last_error": last.reason if last is not None else None,
        "last_error_type": type(last).__name__ if last is not None else None,
        "last_error_at": last.at.replace(tzinfo=BEIJING).timestamp() if last is not None else None,
        "accounts": {key: {"connected": works} for key, works in working.items()},
        "actions": dict.fromkeys((PLACE, CANCEL), action),
    }


def overview(view: View, limit: int) -> str:
    """The account in words: one line of money, then a table of at most `limit` holdings."""
    snapshot = view.snapshot
    cash = snapshot.available + snapshot.frozen
    values = {row.code: view.prices.get(row.code, 0.0) * row.amount for row in snapshot.holdings}
    total = yuan(cash) + sum(values.values())
    share = 100 * sum(values.values()) / total if total else 0.0
    head = f"券商账户概览: 总资产 {total:,.2f}, 可用资金 {text(snapshot.available)}, 仓位 {share:.1f}%"
    if not snapshot.holdings:
        return f"{head}\n当前持仓：无"
    lines = [f"{'代码':<12}{'数量':>10}{'可卖':>10}{'成本':>10}{'现价':>10}{'市值':>14}"]
    for row in sorted(snapshot.holdings, key=lambda row: -values[row.code])[: max(0, limit)]:
        price = view.prices.get(row.code, 0.0)
        lines.append(
            f"{row.code:<14}{row.amount:>10}{row.closeable:>11}{yuan(row.cost):>12.3f}{price:>12.3f}"
            f"{values[row.code]:>16,.2f}"
        )
    return "\n".join([head, *lines])
