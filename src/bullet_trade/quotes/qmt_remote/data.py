"""History and reference data of the server, as `ports.market_data.MarketData`.

Codes that were asked for one after another are asked for together the next time: a strategy that reads fifty of them
every minute costs one question a minute. What is over is kept; the running day is asked for again when a minute has
ended.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TypeVar

import msgspec

from bullet_trade.domain.errors import DataError
from bullet_trade.domain.securities import BONDS, OPEN_END, Code, Kind, Security
from bullet_trade.market.boards import Facts, describe
from bullet_trade.market.codes import normalize
from bullet_trade.ports.market_data import CorporateAction, DailyBars, MinuteBars, Ticks
from bullet_trade.quotes.daily import NO_DAYS, with_today
from bullet_trade.quotes.minutes import before_the_first
from bullet_trade.quotes.qmt_remote import bars
from bullet_trade.quotes.qmt_remote.ticks import DataLink
from bullet_trade.quotes.reference import corporate_action, reference_price
from bullet_trade.remote import body, tables
from bullet_trade.remote.errors import FrameError, RemoteError
from bullet_trade.remote.market import HistoryQuery, day_of
from bullet_trade.remote.tables import Column
from bullet_trade.strategy.data.axis import ended_minutes

HISTORY_S = 180.0
"""How long history may take: servers fetch from their terminal what they do not have."""
MOST_TOGETHER = 100
"""Codes in one question."""
KEPT = 4000
"""Answers about days that are over."""
PATIENCE_S = 1.0
"""A minute bar that is not there yet is not asked for again sooner."""

K = TypeVar("K")
T = TypeVar("T")


@dataclass(slots=True)
class _Round:
    """What was asked with one range of time, in order."""

    question: tuple[str, str, int]
    codes: dict[Code, None] = field(default_factory=dict)


class _Values(msgspec.Struct):
    values: list[str] = []
    value: list[str] = []


class _Info(msgspec.Struct):
    display_name: str | None = None
    name: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    type: str | None = None
    subtype: str | None = None


class _InfoAnswer(_Info):
    value: _Info | None = None


class _Event(msgspec.Struct):
    date: str
    scale_factor: float | None = None
    bonus_pre_tax: float | None = None
    per_base: float | None = None


class _Events(msgspec.Struct):
    events: list[_Event] = []


_values = msgspec.json.Decoder(_Values)
_info = msgspec.json.Decoder(_InfoAnswer)
_events = msgspec.json.Decoder(_Events)

_KINDS = {"etf": Kind.ETF, "lof": Kind.LOF, "index": Kind.INDEX, "stock": Kind.STOCK, "reit": Kind.REIT}


class RemoteMarketData:
    """Implements `ports.market_data.MarketData` over a `DataLink`. One thread."""

    synthetic = False

    def __init__(self, source: DataLink) -> None:
        self.source = source
        self.label = f"远程行情 {source.link.address.host}:{source.link.address.port}"
        self._now = source.clock.now
        self._daily: OrderedDict[tuple[Code, date, date], DailyBars] = OrderedDict()
        self._minutes: OrderedDict[tuple[Code, date], MinuteBars | None] = OrderedDict()
        self._running: dict[Code, tuple[int, float, MinuteBars | None]] = {}
        """The running day: minutes that had ended when it was asked for, when that was, and the bars."""
        self._rounds: dict[str, _Round] = {}
        self._securities: dict[Code, Security | None] = {}
        self._actions: dict[Code, tuple[date, Sequence[CorporateAction]]] = {}
        self._days: Sequence[date] | None = None
        self._refusal = ""

    # -- reference data --------------------------------------------------------------------------------------------

    def trading_days(self) -> Sequence[date] | None:
        if self._days is None:
            answer = self._asked("data.trade_days", {"start": None, "end": None, "count": None}, _values)
            self._days = sorted({day_of(text) for text in answer.values or answer.value}) if answer else []
        return self._days or None

    def coverage(self) -> tuple[date, date] | None:
        return None

    def security(self, code: Code) -> Security | None:
        if code not in self._securities:
            self._securities[code] = self._describe(code)
        return self._securities[code]

    def _describe(self, code: Code) -> Security | None:
        answer = self._asked("data.security_info", {"security": code}, _info)
        told: _Info | None = answer
        if answer is not None and answer.value is not None and answer.value.start_date is not None:
            told = answer.value
        if told is None or not (told.start_date or told.name or told.display_name):
            return None
        return _row(code, told)

    def securities(self) -> Sequence[Security]:
        payload = self._payload("data.get_all_securities", {"types": ["stock", "etf", "index"], "date": None})
        table = tables.read_table(payload)
        if table.index is None:
            return []
        codes = [normalize(str(name)) for name in table.index]
        columns = {str(label): column for label, column in zip(table.labels, table.columns, strict=True)}
        rows = [
            _Info(*(_text(columns, name, place) for name in ("display_name", "name", "start_date", "end_date", "type")))
            for place in range(len(codes))
        ]
        return sorted((_row(code, row) for code, row in zip(codes, rows, strict=True)), key=lambda one: one.code)

    def corporate_actions(self, code: Code) -> Sequence[CorporateAction]:
        today = self._now().date()
        known = self._actions.get(code)
        if known is None or known[0] != today:
            query = {"security": code, "start": "1990-12-19", "end": str(today + timedelta(days=30))}
            answer = self._asked("data.get_split_dividend", query, _events)
            actions = sorted((_action(one) for one in answer.events), key=lambda one: one.ex_date) if answer else []
            known = self._actions[code] = (today, actions)
        return known[1]

    def index_members(self, index: Code, day: date) -> Sequence[Code]:
        query = {"index_symbol": index, "date": str(day)}
        answer = self._asked("data.get_index_stocks", query, _values)
        return sorted(normalize(name) for name in answer.values) if answer else []

    def ticks(self, code: Code, day: date) -> Ticks | None:
        return None

    # -- bars ------------------------------------------------------------------------------------------------------

    def daily(self, code: Code, first: date, last: date) -> DailyBars:
        """Daily bars; the running day has a row as soon as its reference price is known."""
        today = self._now().date()
        key = (code, first, min(last, today))
        found = self._daily.pop(key, None)
        if found is None:
            for each, columns in self._history("1d", code, str(first), str(key[2])).items():
                made = bars.daily_bars(columns, self._shares_per_unit(each))
                _keep(self._daily, (each, first, key[2]), made)
            found = self._daily.pop(key, None) or NO_DAYS
        if first <= today <= last:
            found = self._with_today(code, found, today)
        return found

    def _with_today(self, code: Code, found: DailyBars, today: date) -> DailyBars:
        """Before the server has a bar of today, one without trade that says what the day is measured against."""
        if not len(found) or found.days[-1].item() >= today or today not in set(self.trading_days() or ()):
            return found
        security = self.security(code)
        if security is None or not security.listed_on(today):
            return found
        since, actions = found.days[-1].item(), self.corporate_actions(code)
        return with_today(found, today, reference_price(security, float(found.close[-1]), since, today, actions))

    def _shares_per_unit(self, code: Code) -> int:
        """What one unit of a daily volume is: deployed servers pass on the terminal's lots."""
        if self.source.agreed:
            return 1
        security = self.security(code)
        return 10 if security is not None and security.kind in BONDS else 100

    def minutes(self, code: Code, day: date) -> MinuteBars | None:
        now = self._now()
        if day == now.date():
            return self._today(code, day, ended_minutes(now))
        if (code, day) not in self._minutes:
            found = self._history("1m", code, f"{day} 09:30:00", f"{day} 15:00:00")
            for each, columns in found.items():
                _keep(self._minutes, (each, day), bars.minute_bars(columns, day))
            if code not in found:
                _keep(self._minutes, (code, day), None)
        return self._minutes[code, day]

    def _today(self, code: Code, day: date, ended: int) -> MinuteBars | None:
        held = self._running.get(code)
        clock_s = self.source.clock.monotonic()
        if held is None or (held[0] < ended and clock_s - held[1] >= PATIENCE_S) or held[0] > ended:
            found = self._history("1m", code, f"{day} 09:30:00", f"{day} 15:00:00", ended)
            for each, columns in found.items():
                made = bars.minute_bars(columns, day)
                self._running[each] = (bars.last_minute(columns, day), clock_s, made)
            if code not in found:
                self._running[code] = (0, clock_s, None)
            held = self._running[code]
        return held[2] if held[2] is not None else before_the_first(self.source, code, day)

    def _history(self, period: str, code: Code, start: str, end: str, ended: int = 0) -> dict[Code, bars.Columns]:
        """Bars of `code`, and of what was lately asked for with it. `ended` tells rounds of the running day apart."""
        codes = self._company(period, (start, end, ended), code)
        found = self._bars(period, codes, start, end)
        if found is None and len(codes) > 1:  # what goes wrong with another code is not this one's trouble
            found = self._bars(period, [code], start, end)
        if found is None:
            if self.security(code) is not None:
                raise DataError(
                    f"远程服务无法回答 {code} 的历史行情（{self._refusal}）", "查看服务端日志里的原因；行情源恢复后再试"
                )
            return {}
        return found

    def _bars(self, period: str, codes: list[Code], start: str, end: str) -> dict[Code, bars.Columns] | None:
        """One question; None where the server refuses it."""
        query = HistoryQuery(
            security=[*codes] if len(codes) > 1 else codes[0],
            start=start,
            end=end,
            frequency=period,
            fields=list(bars.FIELDS if period == "1d" else bars.MINUTE_FIELDS),
            fq=None,
            skip_paused=False,
            panel=True,
            fill_paused=True,
        )
        try:
            return bars.by_code(tables.read_table(self.source.link.ask("data.history", query, HISTORY_S)), codes)
        except RemoteError as error:
            self._refusal = error.text
            return None
        except (ValueError, FrameError) as error:
            raise DataError(
                f"{codes[0]} 的历史行情无法读取：{error}", "两端版本可能不同：把服务端升级到同一版本"
            ) from error

    def _company(self, period: str, question: tuple[str, str, int], code: Code) -> list[Code]:
        """The codes of one question: the first one of a new round takes those of the last round along."""
        found = self._rounds.setdefault(period, _Round(question))
        if found.question == question:
            found.codes[code] = None
            return [code]
        company = [code, *(other for other in found.codes if other != code)][:MOST_TOGETHER]
        self._rounds[period] = _Round(question, dict.fromkeys(company))
        return company

    # -- asking ----------------------------------------------------------------------------------------------------

    def _payload(self, action: str, query: dict[str, object]) -> msgspec.Raw:
        try:
            return self.source.link.ask(action, query)
        except RemoteError as error:
            raise DataError(
                f"远程服务无法回答 {action}：{error.text}", "查看服务端日志里的原因；行情源恢复后再试"
            ) from error

    def _asked(self, action: str, query: Mapping[str, object], decoder: msgspec.json.Decoder[T]) -> T | None:
        """An answer; None where the server has nothing about it, or cannot answer such questions at all."""
        try:
            return body.parse(decoder, self.source.link.ask(action, dict(query)), body.IN_ANSWERS)
        except RemoteError:
            return None
        except msgspec.ValidationError as error:
            raise DataError(f"{action} 的应答无法读取：{error}", "两端版本可能不同：把服务端升级到同一版本") from error


def _row(code: Code, told: _Info) -> Security:
    facts: Facts = {}
    if told.start_date:
        facts["list_date"] = day_of(told.start_date)
    if told.end_date:
        facts["end_date"] = min(day_of(told.end_date), OPEN_END)
    kind = _KINDS.get(told.subtype or "") or _KINDS.get(told.type or "")
    if kind is not None and kind is not Kind.STOCK:  # what kind of stock it is the code itself tells
        facts["kind"] = kind
    return describe(code, told.display_name or told.name or code, **facts)


def _text(columns: dict[str, Column], name: str, place: int) -> str | None:
    column = columns.get(name)
    return None if column is None or column[place] is None else str(column[place])


def _action(told: _Event) -> CorporateAction:
    base = told.per_base or 10.0
    return corporate_action(day_of(told.date), (told.bonus_pre_tax or 0.0) / base, (told.scale_factor or 1.0) - 1.0)


def _keep(held: OrderedDict[K, T], key: K, value: T) -> None:
    held[key] = value
    while len(held) > KEPT:
        held.popitem(last=False)
