"""The simulated venue: every account has an exchange of its own over the same source of prices, on the wall clock."""

from __future__ import annotations

from functools import cache

from bullet_trade.brokers.simulator.account import saved_form
from bullet_trade.brokers.simulator.broker import Market, SimulatedBroker
from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.securities import Code, Security
from bullet_trade.market.calendar import TradingCalendar, exchange_calendar, extended
from bullet_trade.market.fees import FeeSchedule
from bullet_trade.market.rulebook import RuleBook
from bullet_trade.ops.broker_choice import ATTEND_S
from bullet_trade.ops.compose import open_data
from bullet_trade.ops.rule_files import read_holidays, read_overrides
from bullet_trade.ops.simulated_account import load_account
from bullet_trade.ports.market_data import MarketData
from bullet_trade.ports.terms import TradingTerms
from bullet_trade.quotes.feed import HistoryFeed
from bullet_trade.server.accounts import AccountSpec
from bullet_trade.server.owner import Owner
from bullet_trade.server.quote_desk import QuoteWorld
from bullet_trade.server.venue import HistoryWorld, Setting, Venue, World
from bullet_trade.store.files import write_atomically


def simulator_venue(setting: Setting) -> Venue:
    """The venue; nothing is opened before an account or a source is asked for."""
    settings = setting.settings

    def source() -> tuple[MarketData, TradingCalendar]:
        # One instance per thread: sources cache as they read, and are not made to be shared.
        data = open_data(setting.data, exchange_calendar())
        calendar = extended(exchange_calendar(), data.trading_days(), "数据源", read_holidays(settings.holiday_file))
        covered, today = data.coverage(), setting.clock.now().date()
        if covered is not None and covered[1] < today:
            raise UsageError(f"{data.label} 的数据只到 {covered[1]}，没有今天的行情", "改用 --data synthetic")
        return data, calendar

    def open_account_world(spec: AccountSpec, owner: Owner) -> World:
        data, calendar = source()
        return _account_world(setting, spec, owner, data, calendar)

    def open_quotes(owner: Owner) -> QuoteWorld:
        data, calendar = source()
        return QuoteWorld(HistoryFeed(data, calendar, owner.timers, ticks_everywhere=True), calendar)

    def open_history() -> HistoryWorld:
        return HistoryWorld(*source())

    return Venue("模拟券商", "simulator", open_account_world, open_quotes, open_history)


def _account_world(
    setting: Setting, spec: AccountSpec, owner: Owner, data: MarketData, calendar: TradingCalendar
) -> World:
    settings = setting.settings
    overrides = read_overrides(settings.rules_file)
    trading = TradingTerms(FeeSchedule(overrides.commission))
    feed = HistoryFeed(data, calendar, owner.timers, ticks_everywhere=True)

    @cache
    def securities(code: Code) -> Security | None:
        known = feed.security(code)
        return overrides.apply(known) if known is not None else None

    path = setting.directory / f"simulator_{spec.key}.json"
    broker = SimulatedBroker(
        Market(feed, feed, data, calendar, securities),
        owner.timers,
        trading,
        load_account(path, settings),
        persist=lambda changed: write_atomically(path, saved_form(changed)),
        attend_s=ATTEND_S,
    )
    return World(broker, feed, RuleBook(overrides, trading.schedule, calendar), calendar, securities)
