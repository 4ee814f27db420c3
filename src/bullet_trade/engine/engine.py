"""The engine: one thread, one loop. Live, paper and replay run this very code; only what is plugged in differs.

next = earliest of (inbox message, due timer);  the clock moves to it;  apply it;  run what the strategy is due
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from bullet_trade.domain.ledger import Ledger
from bullet_trade.domain.orders import FINAL, Order, OrderState
from bullet_trade.domain.reports import AccountSnapshot, Entitlement, LinkDown, LinkUp, NoAnswer
from bullet_trade.domain.securities import Code, Security
from bullet_trade.engine.account import AccountSync
from bullet_trade.engine.brake import Brake
from bullet_trade.engine.broker_link import BrokerLink
from bullet_trade.engine.clock import Clock
from bullet_trade.engine.commands import OperatorCommand, OverdueEnded, OverdueSeen
from bullet_trade.engine.day import DayCycle
from bullet_trade.engine.desk import DeskTerms, OrderDesk
from bullet_trade.engine.events import (
    Audience,
    CallbackReturned,
    ClockStepped,
    Entitled,
    Event,
    OrderWaitEnded,
    Saved,
    StateNote,
    Stopping,
    TaskMissed,
)
from bullet_trade.engine.host import StrategyHost
from bullet_trade.engine.inbox import Inbox, Message, StopRequested, TickReady
from bullet_trade.engine.operator import Operator
from bullet_trade.engine.order_book import OrderBook
from bullet_trade.engine.patrol import Patrol, PatrolTerms
from bullet_trade.engine.recovery import Record
from bullet_trade.engine.reload import Reloader
from bullet_trade.engine.risk_guard import guard
from bullet_trade.engine.risk_limits import NO_LIMITS, RiskLimits
from bullet_trade.engine.schedule import Anchor
from bullet_trade.engine.tasks import Missed, Task, TaskBook, grace_of
from bullet_trade.engine.timers import TimerQueue
from bullet_trade.market.calendar import TradingCalendar
from bullet_trade.market.rulebook import RuleBook
from bullet_trade.ports.broker import Broker
from bullet_trade.ports.clock import Rank
from bullet_trade.ports.journal import Journal
from bullet_trade.ports.quotes import Quotes, Tick
from bullet_trade.ports.terms import TradingTerms

SLEPT_S = 30.0
"""After a gap in time longer than this the account is asked for before the strategy goes on."""

LAST_MESSAGES = 10_000
"""At most as many are handled after the end, so that a broker that never falls silent cannot hold up the exit."""

CLOCK_TICK_S = 1e-6
"""Exchange time is counted in microseconds: a shorter rest cannot be waited for."""


@dataclass(frozen=True, slots=True)
class EngineParts:
    """Everything that is plugged into an engine. Composed once, where the program starts."""

    clock: Clock
    inbox: Inbox
    timers: TimerQueue
    calendar: TradingCalendar
    quotes: Quotes
    broker: Broker
    rules: RuleBook
    trading: TradingTerms
    journal: Journal
    audience: Audience
    securities: Callable[[Code], Security | None]
    desk_terms: DeskTerms
    brake: Brake = field(default_factory=Brake)
    past: Callable[[], Iterable[Record]] = tuple
    """The journal's records of earlier runs, from the last checkpoint on; read once, before the broker connects."""
    tidy: Callable[[], None] = lambda: None
    """Puts old records away, after each close; tells what prevents it and does not raise for it."""
    limits: RiskLimits = NO_LIMITS


@dataclass(frozen=True, slots=True)
class EngineTerms:
    """How the engine runs. `last_day` ends a replay; `autosave_s` None saves at the close and at the end only.

    Tasks that were due while the process was down are run when they are not older than `catch_up`, else told.
    """

    strategy: Path
    order_wait_s: float = 16.0
    last_day: date | None = None
    stop_after_close: bool = False
    autosave_s: float | None = 60.0
    catch_up: timedelta = timedelta(0)
    patrol: PatrolTerms | None = None
    """What the background patrol looks for, None for no patrol."""
    account_sync_s: float | None = None
    """Seconds between two requests for the account during the session; None asks at the close and on cause only."""
    closed_days: Callable[[], Iterable[date]] = tuple
    """The days that the exchanges close at short notice, asked for before each trading day; may raise `UsageError`."""
    data_source: str = ""
    """How the market data were named by the user, for the journal."""


class Engine:
    """Owns all state of one run. Every method is called on the engine thread; other threads use `inbox.put`."""

    def __init__(self, parts: EngineParts, terms: EngineTerms, namespace: Mapping[str, object]) -> None:
        self.parts = parts
        self.terms = terms
        self.clock = parts.clock
        self.inbox = parts.inbox
        self.timers = parts.timers
        self.calendar = parts.calendar
        self.quotes = parts.quotes
        self.journal = parts.journal
        self.security = parts.securities
        self.ledger = Ledger()
        self.host = StrategyHost(terms.strategy, namespace, parts.audience, parts.journal)
        self.book = OrderBook(self.ledger, parts.trading, parts.securities)
        self.desk = OrderDesk(
            parts.broker,
            parts.quotes,
            self.book,
            parts.rules,
            parts.trading,
            parts.journal,
            parts.audience,
            parts.securities,
            parts.desk_terms,
            parts.brake,
            self.now,
        )
        if parts.limits != NO_LIMITS:
            guard(self, parts.limits)
        self.account = AccountSync(
            parts.broker,
            self.ledger,
            parts.journal,
            parts.audience,
            self.pump,
            self.book.open_orders,
            self.book.sellable,
            self.timers,
            self.now,
        )
        self.missed = Missed()
        self.tasks = TaskBook(self.timers, self.calendar, self._run_task, self.missed)
        self.days = DayCycle(self, terms.last_day, terms.stop_after_close)
        self.context: object = None
        """What the strategy's callbacks receive first; set by the strategy layer."""
        self.bar_data: object = None
        """What `handle_data` receives second; set by the strategy layer."""
        self.saver: Callable[[], tuple[str, ...]] = tuple
        """Writes state; set by the strategy layer, which knows `g`."""
        self.reloader = Reloader(self)
        self.patrol = Patrol(self, terms.patrol) if terms.patrol is not None else None
        self.operator = Operator(self)
        self.link = BrokerLink(self)
        self._stopping: str | None = None
        self._waiting_ticks = 0
        self.misdated_ticks = 0
        """Snapshots of another day that came today."""
        self._slept = False
        self.alive_until: datetime | None = None
        """After a restart: when the process before was last known to be alive; set by the strategy layer."""

    # -- time and telling ------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Present exchange time."""
        return self.clock.now()

    def tell(self, event: Event) -> None:
        """Tell those who watch."""
        self.parts.audience.tell(event)

    # -- running ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Connect, if no hook has done so already, and set up the first day. The strategy is loaded and initialised."""
        self.link.connect()
        if self._stopping is not None:
            return
        self.days.begin()
        if self.terms.autosave_s is not None:
            self._arm_autosave(self.terms.autosave_s)
        if self.patrol is not None:
            self.patrol.arm()
        if self.terms.account_sync_s is not None:
            self.link.arm_account_sync(timedelta(seconds=self.terms.account_sync_s))

    def run(self) -> str:
        """Run until stopped, or until nothing is left to do in a replay; returns the reason."""
        while self._stopping is None:
            if self.host.stop_requested:
                self.stop("策略调用了 exit()")
                break
            self._step()
        self._finish_inbox()
        self.operator.catch_up()
        self.parts.brake.end(self._stopping or "")
        self.tell(Stopping(self.now(), self._stopping or ""))
        return self._stopping or ""

    def _finish_inbox(self) -> None:
        """What has arrived before the end still counts: reports, and commands whose giver waits for an answer."""
        for _ in range(LAST_MESSAGES):
            message = self.inbox.get()
            if message is None:
                return
            if not isinstance(message, TickReady):
                self._handle(message)

    @property
    def stopping(self) -> bool:
        """Whether the run is being left."""
        return self._stopping is not None

    def stop(self, reason: str) -> None:
        """End the run at the next quiet point."""
        self._stopping = self._stopping or reason

    def stop_on_request(self, reason: str) -> None:
        """End the run for a person who wants it: no order leaves from now on, whatever the strategy still does."""
        self.parts.brake.end(reason)
        self.stop(reason)

    def _step(self) -> None:
        self.operator.catch_up()
        if self._slept:
            self._wake()
        if self._waiting_ticks:
            self._waiting_ticks -= 1
            self._deliver_tick()
            return
        due = self.timers.next_due()
        if due is None and self.clock.virtual and self.inbox.empty():
            self.stop("回放结束")
            return
        message = self.clock.wait(self.inbox, due)
        self._after_wait()
        if self._slept:  # reports are taken as they come; the strategy goes on after the account is known
            if message is not None:
                self._handle_while_waiting(message)
            return
        if message is not None:
            self._handle(message)
            return
        self._run_due()

    def _run_due(self, market_only: bool = False) -> None:
        timer = self.timers.pop_due(self.clock.now(), market_only)
        if timer is not None and timer.action is not None:
            timer.action()

    def _after_wait(self) -> None:
        step = self.clock.take_step()
        now = self.clock.now()
        if step:
            self.journal.append(now, "clock_step", {"seconds": round(step, 3)})
            self.tell(ClockStepped(now, step))
            if step < 0:
                self.timers.set_back(timedelta(seconds=-step))
            self._slept = self._slept or step > SLEPT_S
        self.quotes.advance(now)

    def _wake(self) -> None:
        """The process was held up: before anything that became due meanwhile, learn what happened to the account."""
        self._slept = False
        if self.account.known and self.link.up is not False and not self.account.sync():
            self.tell(StateNote(self.now(), "休眠或停顿之后券商没有及时返回账户，先按本地账目继续"))

    def pump(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Keep the world turning until `done`, at most `timeout_s`; False on time-out.

        Reports, the market's timers and the day's marks are handled; the strategy's other callbacks wait their turn.
        In a replay the clock moves as it would in life.
        """
        inbox = self.inbox
        while not done() and not inbox.empty():  # what is there already needs no look at the clock
            message = inbox.get()
            if message is not None:
                self._handle_while_waiting(message)
        deadline = self.clock.monotonic() + timeout_s
        while not done():
            rest_s = deadline - self.clock.monotonic()
            if rest_s < CLOCK_TICK_S or self._stopping is not None:
                return False
            until = self.clock.now() + timedelta(seconds=rest_s)
            due = self.timers.next_due(market_only=True)
            message = self.clock.wait(self.inbox, until if due is None else min(due, until))
            self._after_wait()
            if message is not None:
                self._handle_while_waiting(message)
            else:
                self._run_due(market_only=True)
        return True

    def _handle_while_waiting(self, message: Message) -> None:
        if isinstance(message, TickReady):
            self._waiting_ticks += 1
        else:
            self._handle(message)

    def _handle(self, message: Message) -> None:
        match message:
            case TickReady():
                self._deliver_tick()
            case StopRequested(reason):
                self.stop_on_request(reason)
            case OperatorCommand():
                self.operator.obey(message)
            case OverdueSeen() | OverdueEnded():
                self._note_overdue(message)
            case AccountSnapshot():
                self.link.take_snapshot(message)
            case Entitlement():
                self._entitle(message)
            case LinkDown(reason):
                self.link.changed(up=False, reason=reason)
            case LinkUp():
                self.link.changed(up=True, reason="")
            case _:
                self.desk.take(message, self.now())
                if isinstance(message, NoAnswer) and self.link.up is not False:
                    self.account.want(self.now())

    def _deliver_tick(self) -> None:
        tick = self.inbox.take_tick()
        hook = self.host.hooks.get("handle_tick")
        if tick is None or hook is None or self.parts.brake.paused:
            return
        now = self.now()
        if tick.datetime.date() != now.date():
            self._leave_out(tick, now)
            return
        self.host.call("handle_tick", hook, (self.context, self.tick_view(tick)), tick.datetime, now)

    def _leave_out(self, tick: Tick, now: datetime) -> None:
        """A snapshot of another day is a wrong price: counted, told once a day, and not shown to the strategy."""
        if not self.misdated_ticks:
            words = f"{tick.code} 的快照日期是 {tick.datetime:%Y-%m-%d}，不是今天，没有采用；当天再有的只计数"
            self.tell(StateNote(now, words))
        self.misdated_ticks += 1

    tick_view: Callable[[Tick], object] = staticmethod(lambda tick: tick)
    """Wraps a tick for the strategy; replaced by the strategy layer."""

    def _entitle(self, entitlement: Entitlement) -> None:
        now = self.now()
        self.journal.append(now, "entitlement", entitlement)
        self.journal.barrier()
        self.ledger.book(entitlement)
        security = self.security(entitlement.code)
        self.tell(Entitled(now, entitlement.code, security.name if security else "", entitlement.text))

    def _note_overdue(self, seen: OverdueSeen | OverdueEnded) -> None:
        now = self.now()
        if isinstance(seen, OverdueSeen):  # the watchdog has told it at once
            self.journal.append(now, "callback_overdue", seen)
        else:
            self.journal.append(now, "callback_returned", seen)
            self.tell(CallbackReturned(now, seen.callback, seen.seconds, seen.conflated))

    # -- days and orders -------------------------------------------------------------------------------------------

    def open_date(self, day: date) -> None:
        """A trading date begins for orders and ledger; the date that is open already stays as it is."""
        if self.book.day != day:
            self.journal.append(self.now(), "day", {"day": day.isoformat()})
        self.book.open_day(day)

    def await_orders(self, orders: Sequence[Order], wait_s: float | None) -> None:
        """Wait for orders to be over: `wait_s` seconds, None for the configured time; 0 returns at once."""
        timeout_s = self.terms.order_wait_s if wait_s is None else wait_s
        if timeout_s <= 0.0 or self.pump(_all_over(orders), timeout_s):
            return
        now = self.now()
        for order in orders:
            if not order.is_final:
                self.tell(OrderWaitEnded(now, self.desk.facts(order), timeout_s))
            if order.state is OrderState.IN_FLIGHT:  # not even an acceptance came: what became of it is not known
                self.desk.take(NoAnswer(order.tag, f"{timeout_s:g} 秒内没有任何应答", now), now)
        if any(order.state is OrderState.UNKNOWN for order in orders):
            self.account.want(now)

    # -- the strategy ----------------------------------------------------------------------------------------------

    def call_hook(self, name: str, arguments: tuple[object, ...], at: datetime) -> None:
        """Run one of the strategy's hooks, if it has it; recorded in the journal."""
        hook = self.host.hooks.get(name)
        if hook is None:
            return
        self.call_noted(name, hook, arguments, at)

    def call_noted(
        self, name: str, function: Callable[..., object], arguments: tuple[object, ...], at: datetime
    ) -> bool:
        """Run a callback of the strategy, with its begin and end in the journal; False when it raised."""
        self._note_callback(name)
        began_s = self.clock.monotonic()
        done = self.host.call(name, function, arguments, at, self.clock.now())
        took_ms = round((self.clock.monotonic() - began_s) * 1000, 3)
        self.journal.append(self.clock.now(), "callback_end", {"name": name, "ok": done, "ms": took_ms})
        return done

    def _run_task(self, task: Task, due: datetime) -> None:
        now = self.clock.now()
        if now - due >= grace_of(task) or self.parts.brake.paused:
            self.missed.note(task.label, due)
            if task.expression.anchor is not Anchor.EVERY_MINUTE:
                self.tell_missed(task.label)
            return
        self.tell_missed(task.label)
        if task.expression.anchor is Anchor.EVERY_MINUTE:  # too many to write down; what they decide is
            self.host.call(task.label, task.callback, (self.context,), due, now)
        else:
            self.call_noted(task.label, task.callback, (self.context,), due)

    def _note_callback(self, name: str) -> None:
        # Durable before it runs: after a crash inside it, the restart must not take it for one that never ran.
        self.journal.append(self.clock.now(), "callback", {"name": name})
        self.journal.barrier()

    def tell_missed(self, label: str | None = None) -> None:
        """Tell and journal what was due and not run, of one task or of all."""
        now = self.clock.now()
        for task, due, times in self.missed.take(label):
            self.journal.append(now, "task_missed", {"task": task, "due": due.isoformat(), "times": times})
            self.tell(TaskMissed(now, task, due, times))

    # -- saving ----------------------------------------------------------------------------------------------------

    def save(self, reason: str) -> None:
        """Write state now; called only between callbacks."""
        unsaved = self.saver()
        self.journal.barrier()
        self.tell(Saved(self.now(), reason, unsaved))

    def _arm_autosave(self, every_s: float) -> None:
        def fire() -> None:
            self.save("定时")
            self._arm_autosave(every_s)

        self.timers.add(self.now() + timedelta(seconds=every_s), Rank.HOUSEKEEPING, fire, repeated=True)


def _all_over(orders: Sequence[Order]) -> Callable[[], bool]:
    if len(orders) == 1:  # nearly always, and asked after every message
        (only,) = orders
        return lambda: only.state in FINAL
    return lambda: all(order.state in FINAL for order in orders)
