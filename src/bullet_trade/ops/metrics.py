"""An endpoint for Prometheus (`METRICS_PORT`, off by default, on the loopback address unless `METRICS_HOST` says else).

What happens is counted on the engine thread, from the events and the journal's records. How things stand is read, when
somebody asks, from values that the engine has published; the thread that answers never touches the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.orders import OrderId, Side
from bullet_trade.domain.reports import Accepted, Filled
from bullet_trade.engine import events
from bullet_trade.engine.clock import WallClock
from bullet_trade.engine.engine import Engine
from bullet_trade.engine.events import Event
from bullet_trade.engine.inbox import Inbox
from bullet_trade.engine.intent import Intent
from bullet_trade.ops.assembly import RunJournal
from bullet_trade.ops.settings import Settings
from bullet_trade.ops.status import StatusDesk
from bullet_trade.ops.watched_journal import Body, WatchedJournal
from bullet_trade.ports.clock import Rank

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

    from bullet_trade.ops.metrics_series import Series

LOOK_EVERY = timedelta(seconds=5)


class Figures(msgspec.Struct, frozen=True):
    """What the engine publishes for the endpoint alone. `quote_age_s`: of the oldest quote among the held securities;
    `standing`: the patrol's alarms at present, by kind."""

    quote_age_s: float | None = None
    standing: tuple[str, ...] = ()


class _Way(NamedTuple):
    """An order under way: seconds of the steady clock."""

    order: OrderId
    intent_s: float
    submitted_s: float | None = None
    accepted: bool = False
    filled: bool = False


class Metrics:
    """An `Audience`. All methods but `collect` are for the engine thread, or for before it runs."""

    def __init__(self, steady: Callable[[], float]) -> None:
        """Raises `UsageError` without prometheus-client."""
        try:
            from prometheus_client import CollectorRegistry

            from bullet_trade.ops.metrics_series import Series
        except ImportError as error:
            raise UsageError(
                "设置了 METRICS_PORT，但没有安装 prometheus-client", "执行 pip install 'bullet-trade[metrics]'"
            ) from error
        self.registry: CollectorRegistry = CollectorRegistry()
        self._series: Series = Series(self.registry)
        self._steady = steady
        self._ways: dict[str, _Way] = {}
        self._tags: dict[OrderId, str] = {}
        self._table = self._actions()

    # -- what happens ----------------------------------------------------------------------------------------------

    def journal(self, journal: RunJournal) -> RunJournal:
        """The journal, read along with."""
        return WatchedJournal(journal, self._seen, self._series.barrier.observe, self._steady)

    def tell(self, event: Event) -> None:
        action = self._table.get(type(event))
        if action is not None:
            action(event)

    def _actions(self) -> dict[type, Callable[..., None]]:
        series = self._series
        return {
            events.OrderPlaced: self._placed,
            events.OrderFinished: self._finished,
            events.OrderRefused: lambda event: series.refusals.labels(event.rule).inc(),
            events.CancelForbidden: lambda event: series.refusals.labels(event.rule).inc(),
            events.ReportIgnored: lambda _: series.reports_ignored.inc(),
            events.Alarmed: lambda event: series.alarms.labels(event.kind).inc(),
            events.CallbackFailed: lambda event: series.callback_errors.labels(event.callback).inc(),
            events.CallbackOverdue: lambda _: series.callbacks_overdue.inc(),
            events.TaskMissed: lambda event: series.tasks_missed.inc(event.times),
            events.LinkChanged: lambda event: (series.reconnects if event.up else series.disconnects).inc(),
            events.AccountDiffers: lambda _: series.differences.inc(),
            events.ClockStepped: lambda _: series.clock_steps.inc(),
            events.Saved: lambda _: series.saves.inc(),
        }

    def _placed(self, event: events.OrderPlaced) -> None:
        self._series.orders.labels(_side(event.order.side)).inc()
        tag = self._tags.get(event.order.order_id)
        if tag is not None:
            now_s, way = self._steady(), self._ways[tag]
            self._series.intent_to_submit.observe(now_s - way.intent_s)
            self._ways[tag] = way._replace(submitted_s=now_s)

    def _finished(self, event: events.OrderFinished) -> None:
        order = event.order
        self._series.order_ends.labels(order.state.value).inc()
        if order.filled:
            self._series.filled_shares.labels(_side(order.side)).inc(order.filled)
        self._ways.pop(self._tags.pop(order.order_id, ""), None)

    def _seen(self, kind: str, body: Body) -> None:
        match body:
            case Intent():
                self._ways[body.tag] = _Way(body.order_id, self._steady())
                self._tags[body.order_id] = body.tag
            case Accepted():
                self._timed(body.tag, accepted=True)
            case Filled():
                self._series.fills.inc()
                self._timed(body.tag, accepted=True, filled=True)
            case {"name": str(name), "ms": float(ms)} if kind == "callback_end":
                self._series.callback.labels(name).observe(ms / 1000)

    def _timed(self, tag: str, accepted: bool, filled: bool = False) -> None:
        way = self._ways.get(tag)
        if way is None:
            return
        # A broker may answer before its own call has returned: no time at all has passed then.
        took_s = self._steady() - way.submitted_s if way.submitted_s is not None else 0.0
        if accepted and not way.accepted:
            self._series.submit_to_accept.observe(took_s)
        if filled and not way.filled:
            self._series.submit_to_fill.observe(took_s)
        self._ways[tag] = way._replace(accepted=True, filled=way.filled or filled)

    # -- how things stand ------------------------------------------------------------------------------------------

    def attach(self, engine: Engine, status: StatusDesk, journal: Path) -> None:
        """Time the saves, and publish how things stand, with the engine's first step."""
        saver = engine.saver

        def save() -> tuple[str, ...]:
            began_s = self._steady()
            unsaved = saver()
            self._series.save.observe(self._steady() - began_s)
            return unsaved

        engine.saver = save
        snapshot = Snapshot(engine.inbox, status, journal, self._steady)
        self.registry.register(snapshot)
        _publish(engine, snapshot)

    @contextmanager
    def served(self, host: str, port: int) -> Iterator[None]:
        """Answer on this address. Raises `UsageError` where it cannot be had."""
        from prometheus_client import start_http_server

        try:
            server, thread = start_http_server(port, host, self.registry)
        except OSError as error:
            raise UsageError(
                f"监控端口 {host}:{port} 不可用：{error.strerror or error}", "换一个 METRICS_PORT，或检查 METRICS_HOST"
            ) from error
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class Snapshot:
    """How things stand, as gauges. `figures` is replaced by the engine thread; `collect` is called by any other."""

    def __init__(self, inbox: Inbox, status: StatusDesk, journal: Path, steady: Callable[[], float]) -> None:
        self.figures = Figures()
        self._inbox = inbox
        self._status = status
        self._journal = journal
        self._steady = steady

    def collect(self) -> Iterator[Metric]:
        """The gauges; called by the registry for each request."""
        from prometheus_client.core import GaugeMetricFamily

        for name, words, value in self._values():
            yield GaugeMetricFamily(f"bullet_trade_{name}", words, value=value)
        standing = GaugeMetricFamily("bullet_trade_standing_alarms", "Alarms that are not over", labels=["kind"])
        for kind in sorted(set(self.figures.standing)):
            standing.add_metric([kind], self.figures.standing.count(kind))
        yield standing

    def _values(self) -> Iterator[tuple[str, str, float]]:
        yield "inbox_depth", "Messages that wait for the engine", self._inbox.depth()
        yield "conflated_ticks", "Ticks that newer ones replaced because the strategy was busy", self._inbox.conflated
        if self.figures.quote_age_s is not None:
            yield "quote_age_seconds", "Oldest quote among the held securities", self.figures.quote_age_s
        if self._journal.exists():
            yield "journal_bytes", "Size of the journal", self._journal.stat().st_size
        published = self._status.published
        if published is None:
            return
        view, at_s = published
        yield "status_age_seconds", "Since the engine last published its state", self._steady() - at_s
        yield "account_value_yuan", "Cash and positions", view.value
        yield "cash_yuan", "Cash that can be used", view.cash
        yield "frozen_yuan", "Cash set aside for open orders", view.frozen
        yield "positions", "Securities held", len(view.positions)
        yield "open_orders", "Orders that may still trade", sum(order.open for order in view.orders)
        yield "orders_today", "Orders of the session", view.orders_today
        yield "link_up", "1 while the broker is connected", float(view.link == "up")
        yield "in_session", "1 on a trading day that is open", float(view.session is not None)


def _publish(engine: Engine, snapshot: Snapshot) -> None:
    def fire() -> None:
        ages = [age for held in engine.ledger if (age := engine.quotes.age_s(held.code)) is not None]
        standing = tuple(alert.kind for alert in engine.patrol.standing) if engine.patrol is not None else ()
        snapshot.figures = Figures(max(ages, default=None), standing)
        engine.timers.add(engine.now() + LOOK_EVERY, Rank.DAY, fire, repeated=True)

    engine.timers.add(engine.now(), Rank.DAY, fire, repeated=True)


def _side(side: Side) -> str:
    return "buy" if side is Side.BUY else "sell"


def metered(settings: Settings) -> Metrics | None:
    """The metrics of a live run; None where no port is set."""
    return Metrics(WallClock().monotonic) if settings.metrics_port else None
