"""One run of one strategy: the engine, and everything that the strategy's functions need besides it."""

from __future__ import annotations

import contextvars
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from pathlib import Path
from types import ModuleType

from bullet_trade import __version__
from bullet_trade.domain.errors import InvariantError, StrategyError, UsageError
from bullet_trade.domain.money import money, price
from bullet_trade.domain.orders import Order
from bullet_trade.domain.securities import Code
from bullet_trade.engine.asked import Asked
from bullet_trade.engine.engine import Engine, EngineParts, EngineTerms
from bullet_trade.engine.events import Audiences, StateNote, StrategySaid
from bullet_trade.engine.schedule import Period
from bullet_trade.market.codes import normalize
from bullet_trade.ports.market_data import MarketData
from bullet_trade.ports.quotes import Tick
from bullet_trade.ports.research import ResearchProvider
from bullet_trade.ports.state_store import Loaded, SavedState, SavedTask, StateStore
from bullet_trade.ports.terms import TradingTerms
from bullet_trade.strategy import current
from bullet_trade.strategy.account_watch import AccountWatch
from bullet_trade.strategy.code_change import take_new_classes
from bullet_trade.strategy.context import Context, RunParams, user_attributes
from bullet_trade.strategy.current_data import CurrentData
from bullet_trade.strategy.data.frames import accept_positional_access
from bullet_trade.strategy.data.no_research import NoResearch
from bullet_trade.strategy.data.reference_functions import industry_code
from bullet_trade.strategy.data.unit_data import BarData
from bullet_trade.strategy.g import GlobalState, attributes
from bullet_trade.strategy.history import History
from bullet_trade.strategy.log import StrategyLog
from bullet_trade.strategy.old_pandas import accept_old_idioms
from bullet_trade.strategy.portfolio import Portfolio, SubPortfolio, SubPortfolios, Surface
from bullet_trade.strategy.settings import StrategySettings
from bullet_trade.strategy.stop_orders import StopOrder, StopOrders
from bullet_trade.strategy.subaccounts import STOCK, SubAccounts
from bullet_trade.strategy.tick_view import TickView

OF_CONTEXT = "context."
"""Prefix of the context's user attributes where they are saved together with those of `g`."""


class Session:
    """Owns what belongs to the strategy (`g`, settings, context); drives start and restart. Engine thread only."""

    def __init__(
        self,
        parts: EngineParts,
        terms: EngineTerms,
        data: MarketData,
        store: StateStore,
        saved: Loaded | None,
        run_params: RunParams,
        namespace: Mapping[str, object],
    ) -> None:
        self.parts = parts = replace(parts, audience=Audiences(parts.audience, AccountWatch(self)))
        self.data = data
        self._store = store
        self._saved = saved
        self._bound = contextvars.copy_context()
        self.trading: TradingTerms = parts.trading
        self.g = GlobalState()
        self.log = StrategyLog(parts.audience, parts.clock.now, lambda: self.engine.host.logical_now)
        self.engine = Engine(parts, terms, {**namespace, "g": self.g, "log": self.log})
        self.settings = StrategySettings()
        self.history = History(data, parts.calendar, parts.securities, self.logical_now)
        self.research: ResearchProvider = NoResearch()
        self.current_data = CurrentData(parts.quotes, self.code, parts.securities, industry_code)
        self.context = Context(self.logical_now, self.previous_date, self._account, run_params)
        self.starting_cash = 0
        self.closing_value = 0
        """Total value at the last close, in 1/10,000 yuan; 0 before the first one."""
        self.subaccounts = SubAccounts(self.engine.book, parts.journal)
        self.portfolio = self._make_portfolio()
        self.stops = StopOrders(
            parts.timers,
            parts.journal,
            self.engine.now,
            lambda code: price(parts.quotes.last_price(code)),
            self._place_stop,
            self._warn,
            lambda: parts.brake.holds,
        )
        self.research_dir = Path("research")
        """Where `read_file` and `write_file` work."""
        self.message_handler: Callable[[str], object] | None = None
        self.subscriptions: list[Code] = []
        self._run_number = parts.desk_terms.run_number
        self._codes: dict[object, Code] = {}
        self._opened: dict[str, str] = {}
        self._calls_saved = -1
        self.engine.context = self.context
        self.engine.bar_data = BarData(self.code, self.history)
        self.engine.tick_view = TickView
        self.engine.saver = self._save
        self.engine.reloader.move = self._move_to

    # -- running ---------------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Load the strategy file, and the saved `g`, which may hold instances of the strategy's classes.

        Raises `UsageError`, `StrategyError` or `StateError`.
        """
        accept_positional_access()
        accept_old_idioms()
        self._bound.run(current.bind, self)
        self._bound.run(self.engine.host.load)
        if self._saved is not None:
            self._take_attributes(self._saved.unpickle(self.engine.host.module))

    def run(self) -> str:
        """Restore or initialise what `load` loaded, run to the end, save. Returns why the run ended."""
        return self._bound.run(self._run)

    def _run(self) -> str:
        engine = self.engine
        engine.parts.quotes.advance(engine.now())
        try:
            self._begin(self._saved)
            self.connect()
            engine.start()
            engine.save("启动")
            reason = engine.run()
            engine.call_hook("on_strategy_end", (self.context,), engine.now())
            engine.save("退出")
            engine.journal.append(engine.now(), "stop", {"reason": reason})
        except InvariantError as error:
            engine.save("异常退出")  # trading stops here; what the strategy knew is kept
            engine.journal.append(engine.now(), "stop", {"reason": error.text})
            raise
        finally:
            engine.parts.broker.close()
            try:
                self._tell_unsaved(self._store.close())
            finally:
                engine.journal.close()
        return reason

    def _tell_unsaved(self, names: tuple[str, ...]) -> None:
        if names:
            self._warn(f"{'、'.join(f'g.{name}' for name in names)} 无法保存，没有写入状态文件")

    def _begin(self, saved: Loaded | None) -> None:
        engine = self.engine
        body: dict[str, object] = {
            "strategy": engine.host.path.name,
            "hash": engine.host.source_hash,
            "version": __version__,
            "broker": self.parts.broker.label,
            "data": self.data.label,
            "source": engine.terms.data_source,
            "order_wait_s": engine.terms.order_wait_s,
            "limits": self.parts.limits.names(),
            "clock": "virtual" if self.parts.clock.virtual else "wall",
        }
        if not self.parts.clock.virtual:  # two replays leave the same journal, wherever and by whom they are run
            body |= {"path": str(engine.host.path), "pid": os.getpid()}
        engine.journal.append(engine.now(), "restart" if saved else "start", body)
        if saved is None:
            self._initialise()
        else:
            for note in saved.notes:
                engine.tell(StateNote(engine.now(), note))
            self._restore(saved.state)
        engine.call_hook("process_initialize", (self.context,), engine.now())

    def _initialise(self) -> None:
        hook = self.engine.host.hooks.get("initialize")
        if hook is None:
            return
        now = self.engine.now()
        if not self.engine.call_noted("initialize", hook, (self.context,), now):
            raise StrategyError("initialize 执行失败，引擎没有启动", "按上面给出的文件和行号修正后重新启动")
        if not any(True for _ in self.engine.tasks):
            # Some strategies register their schedule there alone: the platform runs this hook at the start, too.
            self.engine.call_hook("after_code_changed", (self.context,), now)

    def _restore(self, state: SavedState) -> None:
        engine = self.engine
        self.settings.restore(state.settings, self.trading)
        self.starting_cash = state.starting_cash
        engine.desk.next_number = max(engine.desk.next_number, state.next_order_number)
        engine.days.marks.update(state.marks)
        self._opened = state.opened
        self._restore_account(state)
        engine.alive_until = max(engine.alive_until or state.saved_at, state.saved_at)
        if state.strategy_start_date:
            engine.tasks.start_date = date.fromisoformat(state.strategy_start_date)
        for task in state.tasks:
            self._restore_task(task)
        if state.subscriptions:
            self.subscribe([Code(code) for code in state.subscriptions])
        if state.strategy_hash != engine.host.source_hash:
            engine.call_hook("after_code_changed", (self.context,), engine.now())

    def _restore_task(self, task: SavedTask) -> None:
        function = self.engine.host.function(task.func)
        if function is None:
            self._warn(f"保存的定时任务 {task.func}@{task.time} 在策略文件里已经没有这个函数，任务取消")
            return
        period = Period(task.schedule_type)
        self.engine.tasks.register(
            function,
            period,
            task.index or 1,
            task.time,
            task.force,
            task.reference_security,
            catch_up_s=task.catch_up_s,
        )

    def _restore_account(self, state: SavedState) -> None:
        account = state.settings.get("account")
        saved = account if isinstance(account, dict) else {}
        self.closing_value = int(saved.get("closing_value", 0))
        self.message_handler = self.engine.host.function(str(saved.get("message_handler", "")))
        records = list(self.parts.past())
        books = saved.get("subportfolios")
        numbers = (
            self.subaccounts.restore(books, records, state.saved_at.date()),
            self.stops.restore(records),
        )
        self.engine.desk.next_number = max(self.engine.desk.next_number, *(number + 1 for number in numbers))

    def _move_to(self, old: ModuleType, new: ModuleType) -> list[str]:
        """The strategy's code was replaced: what outlives it belongs to the new code from now on."""
        handler = getattr(self.message_handler, "__name__", "")
        if self.message_handler is not None and vars(old).get(handler) is self.message_handler:
            self.message_handler = self.engine.host.function(handler)
        kept = [*attributes(self.g).values(), *user_attributes(self.context).values()]
        return take_new_classes(kept, old, new)

    def _take_attributes(self, attributes: Mapping[str, object]) -> None:
        for name, value in attributes.items():
            owner = self.context if name.startswith(OF_CONTEXT) else self.g
            setattr(owner, name.removeprefix(OF_CONTEXT), value)

    def _take_opening_times(self) -> None:
        for position in self.engine.ledger:
            opened = self._opened.get(position.code)
            if position.opened_at is None and opened:
                position.opened_at = datetime.fromisoformat(opened)

    # -- saving ----------------------------------------------------------------------------------------------------

    def _save(self) -> tuple[str, ...]:
        engine = self.engine
        start = engine.tasks.start_date
        state = SavedState(
            saved_at=engine.now(),
            strategy_hash=engine.host.source_hash,
            strategy_start_date=start.isoformat() if start else "",
            run_number=self._run_number,
            next_order_number=engine.desk.next_number,
            starting_cash=self.starting_cash,
            tasks=[
                SavedTask(
                    t.function,
                    t.period.value,
                    t.time,
                    t.index,
                    t.force,
                    t.reference_security,
                    t.catch_up.total_seconds(),
                )
                for t in engine.tasks
            ],
            settings={**self.settings.document(self.trading), "account": self._account_document()},
            subscriptions=[str(code) for code in self.subscriptions],
            marks=dict(engine.days.marks),
            opened={p.code: p.opened_at.isoformat() for p in engine.ledger if p.opened_at is not None},
        )
        hung = {f"{OF_CONTEXT}{name}": value for name, value in user_attributes(self.context).items()}
        unsaved = self._store.save(state, attributes(self.g) | hung, engine.host.module)
        if engine.host.calls != self._calls_saved:  # through the night each save is like the one before
            self._calls_saved = engine.host.calls
            engine.journal.append(engine.now(), "save", {"generation": self._store.generation, "unsaved": unsaved})
        return unsaved

    def _account_document(self) -> dict[str, object]:
        handler = getattr(self.message_handler, "__name__", "")
        return {
            "closing_value": self.closing_value,
            "subportfolios": self.subaccounts.document(),
            "message_handler": handler if self.engine.host.function(handler) is self.message_handler else "",
        }

    # -- for the strategy's functions ------------------------------------------------------------------------------

    def logical_now(self) -> datetime:
        """The instant of the running callback, or the present one outside of callbacks."""
        return self.engine.host.logical_now or self.engine.now()

    def previous_date(self) -> date:
        """The session before the current date."""
        return self.parts.calendar.previous_session(self.logical_now().date())

    def code(self, text: object) -> Code:
        """The canonical code of whatever spelling a strategy uses. Raises `StrategyError` for what is no code."""
        try:
            return self._codes[text]
        except (KeyError, TypeError):
            pass
        if not isinstance(text, str | int):
            raise StrategyError(f"证券代码 {text!r} 无效", "用字符串代码，例如 '600519.XSHG'")
        try:
            code = self._codes[text] = normalize(text)
        except UsageError as error:
            raise StrategyError(error.text, error.remedy) from error
        return code

    def subscribe(self, codes: list[Code]) -> None:
        """Have ticks of `codes` delivered to `handle_tick`, across restarts too."""
        fresh = [code for code in codes if code not in self.subscriptions]
        self.subscriptions.extend(fresh)
        self.parts.quotes.subscribe(fresh, self._put_tick)

    def unsubscribe(self, codes: list[Code]) -> None:
        """Stop the delivery."""
        self.subscriptions = [code for code in self.subscriptions if code not in codes]
        self.parts.quotes.unsubscribe(codes)

    def _put_tick(self, tick: Tick) -> None:
        self.parts.inbox.put_tick(tick)

    def connect(self) -> None:
        """Connect to the broker once: a start-up hook may ask for the account before the engine does."""
        if not self.engine.account.known:
            self.engine.link.connect()
            self._take_opening_times()
            self.stops.forget_placed(self.engine.book.orders.values())
            self.starting_cash = self.starting_cash or self._total_value()

    def _account(self) -> Portfolio:
        self.connect()
        return self.portfolio

    def _make_portfolio(self) -> Portfolio:
        surface = Surface(self.parts.quotes, self.engine.book.t0, self._warn, self.code)
        books = self.subaccounts
        whole = SubPortfolio(lambda: self.engine.ledger, surface, lambda: self.starting_cash, lambda: STOCK, 0)

        def one(number: int) -> SubPortfolio:
            return SubPortfolio(
                lambda: books.book(number).ledger,
                surface,
                lambda: books.book(number).given,
                lambda: books.book(number).type,
                number,
            )

        @cache
        def split(count: int) -> SubPortfolios:
            return SubPortfolios(map(one, range(count)) if count else [whole])

        return Portfolio(
            lambda: self.engine.ledger,
            surface,
            lambda: self.starting_cash,
            lambda: self.closing_value,
            lambda: split(len(books.books)),
        )

    def _place_stop(self, stop: StopOrder) -> Sequence[Order]:
        purse = self.subaccounts.purse(stop.pindex, stop.code)
        return self.engine.desk.place(
            stop.code,
            stop.side,
            stop.amount,
            stop.order_type,
            stop.limit,
            self.engine.now(),
            parent=stop.number,
            purse=purse,
            asked=Asked(f"止损单 #{stop.number} 触发"),
        )

    def _total_value(self) -> int:
        return money(self.portfolio.total_value)

    def _warn(self, text: str) -> None:
        if self.log.shows("system", "warning"):
            self.parts.audience.tell(StrategySaid(self.engine.now(), "warning", text, self.engine.host.logical_now))
