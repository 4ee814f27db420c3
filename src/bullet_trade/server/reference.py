"""The smaller `data.` actions: calendar, descriptions, lists, corporate actions. Run where the history runs."""

from __future__ import annotations

from datetime import date, datetime

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.securities import FUNDS, OPEN_END, Security
from bullet_trade.market.calendar import TradingCalendar
from bullet_trade.market.codes import normalize, to_qmt
from bullet_trade.ports.market_data import MarketData
from bullet_trade.remote import body
from bullet_trade.remote.market import DaysQuery, ListQuery, SecurityQuery, day_of, moment_text
from bullet_trade.remote.tables import Table
from bullet_trade.strategy.data.security_functions import TYPES, type_of


def trade_days(calendar: TradingCalendar, query: DaysQuery) -> bytes:
    """`data.trade_days`, ascending. Without an end the calendar's own."""
    first = _day(query.start or query.start_date) or calendar.first
    last = _day(query.end or query.end_date) or calendar.last
    days = calendar.sessions(max(first, calendar.first), min(last, calendar.last)) if first <= last else []
    if query.count is not None:
        days = days[-query.count :] if query.count > 0 else []
    return body.encode(
        {"dtype": "list", "values": [moment_text(datetime.combine(day, datetime.min.time())) for day in days]}
    )


def security_info(data: MarketData, query: SecurityQuery) -> bytes:
    """`data.security_info`: the description in `value` and beside it; empty for an unknown code."""
    found = data.security(normalize(query.name))
    if found is None:
        return body.encode({"dtype": "dict", "value": {}})
    value = _described(found)
    flat = {key: one for key, one in value.items() if one is not None and key not in ("dtype", "value")}
    return body.encode({"dtype": "dict", "value": value, **flat})


def _described(security: Security) -> dict[str, str | None]:
    return {
        "code": security.code,
        "qmt_code": to_qmt(security.code),
        "display_name": security.name,
        "name": security.name,
        "start_date": security.list_date.isoformat(),
        "end_date": security.end_date.isoformat(),
        "type": type_of(security),
        "subtype": security.kind.value,
        "parent": None,
    }


def all_securities(data: MarketData, query: ListQuery, today: date) -> Table:
    """`data.get_all_securities`, indexed by code: those that are listed on `date`, or today."""
    types = [query.types] if isinstance(query.types, str) else query.types or ["stock"]
    unknown = [name for name in types if name not in TYPES]
    if unknown:
        raise UsageError(f"没有证券类型 {unknown[0]!r}", f"可用：{'、'.join(TYPES)}")
    day = _day(query.date) or today
    kinds = frozenset().union(*(TYPES[name] for name in types))
    found = [one for one in data.securities() if one.kind in kinds and one.listed_on(day)]
    names: list[str | None] = [one.name for one in found]
    return Table(
        ["display_name", "name", "start_date", "end_date", "type", "qmt_code"],
        [
            names,
            names,
            [f"{one.list_date}T00:00:00" for one in found],
            [f"{min(one.end_date, OPEN_END)}T00:00:00" for one in found],
            [type_of(one) for one in found],
            [to_qmt(one.code) for one in found],
        ],
        [one.code for one in found],
    )


def index_members(data: MarketData, query: ListQuery, today: date) -> bytes:
    """`data.get_index_stocks` on `date`, or today."""
    members = data.index_members(normalize(query.index_symbol or ""), _day(query.date) or today)
    return body.encode({"values": list(members)})


def split_dividend(data: MarketData, calendar: TradingCalendar, query: DaysQuery, today: date) -> bytes:
    """`data.get_split_dividend`, nothing later than the next session. Cash is yuan before tax per 10 shares of a stock,
    per unit of a fund."""
    name = query.security or query.stockcode or ""
    found = data.security(normalize(name))
    if found is None:
        return body.encode({"events": []})
    fund = found.kind in FUNDS
    per_base = 1 if fund else 10
    first = _day(query.start or query.start_date) or date.min
    latest = calendar.next_session(today)
    last = min(_day(query.end or query.end_date) or latest, latest)
    return body.encode(
        {
            "events": [
                {
                    "security": name,
                    "date": action.ex_date.isoformat(),
                    "security_type": "fund" if fund else "stock",
                    "scale_factor": 1.0 + action.share_ratio,
                    "bonus_pre_tax": round(action.cash_per_share * per_base, 6),
                    "per_base": per_base,
                }
                for action in data.corporate_actions(found.code)
                if first <= action.ex_date <= last
            ]
        }
    )


def ensure_cache(query: DaysQuery) -> bytes:
    """`data.ensure_cache`: this server reads its source directly, so there is nothing to fetch beforehand."""
    name = query.security or query.stockcode or ""
    code = normalize(name)
    value = {
        "security": code,
        "qmt_security": to_qmt(code),
        "period": query.frequency or query.period or "1m",
        "start": query.start or query.start_date or query.start_time,
        "end": query.end or query.end_date or query.end_time,
        "requested": False,
        "handled_by_session": True,
    }
    return body.encode({"dtype": "dict", "value": value})


def _day(text: str | None) -> date | None:
    return day_of(text) if text else None
