"""The rules of one security and day in words, each with the day it took effect and its source."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import NamedTuple, TypeVar

from bullet_trade.domain.money import Price
from bullet_trade.domain.securities import Security
from bullet_trade.market.boards import rule_group, unit
from bullet_trade.market.fees import STAMP_DUTY, TAXED, TRANSFER_FEE, TRANSFER_PAID, Commission, Tax
from bullet_trade.market.lots import Lot, lots
from bullet_trade.market.market_orders import check_market_order
from bullet_trade.market.order_size import MAXIMA
from bullet_trade.market.price_cage import CAGES, CageRule
from bullet_trade.market.price_limit import RATIOS, RISK_WARNING_RATIOS, Ratio, ratio_in_force
from bullet_trade.market.rates import RATE_SCALE
from bullet_trade.market.refusal import show_price
from bullet_trade.market.sessions import PHASE_NAMES, Window, schedules
from bullet_trade.market.settlement import is_t0
from bullet_trade.market.st_cap import CAPS
from bullet_trade.market.tick_size import ticks
from bullet_trade.market.timeline import ALWAYS, Timeline, in_force

T = TypeVar("T")

_OWN = "用户覆盖或数据源"
_SETTLEMENT = "交易规则的当日回转条款；品种按数据源、代码或名称认定，可由用户覆盖"
_NONE = "无"


RULE_NAMES = {
    "session": "交易时段",
    "lot_size": "交易单位",
    "order_size": "单笔上限",
    "settlement": "回转交易",
    "tick_size": "最小价位",
    "price_limit": "涨跌幅限制",
    "price_cage": "价格笼子",
    "st_buy_cap": "风险警示股买入上限",
    "stamp_duty": "印花税",
    "transfer_fee": "过户费",
    "commission": "佣金",
}
"""Names for people."""


class RuleLine(NamedTuple):
    """One rule in Chinese. `since` is its first day in force; None: always, or not from a dated rule."""

    rule: str
    text: str
    since: date | None
    source: str


def rule_lines(
    security: Security, day: date, listed_days: int | None, own_lot: Lot | None, own_maximum: int | None
) -> tuple[RuleLine, ...]:
    """All rules of the security on `day`, in the order in which orders are checked.

    `own_lot` and `own_maximum` are the user's overrides; `listed_days` counts as for `price_limits`.
    """
    piece = unit(security)
    market = check_market_order(security, has_limits=True) is None
    group = rule_group(security)
    lot = _own("lot_size", _lot(own_lot, piece)) if own_lot else None
    maximum = _own("order_size", f"单笔上限 {own_maximum} {piece}") if own_maximum else None
    duty = STAMP_DUTY if security.kind in TAXED else ()
    transfer = TRANSFER_FEE[security.exchange] if security.kind in TRANSFER_PAID else ()
    cap = CAPS[security.exchange] if security.st else ()
    return (
        _line("session", schedules(security), day, _windows),
        lot or _line("lot_size", lots(security), day, lambda rule: _lot(rule, piece)),
        maximum or _line("order_size", MAXIMA[group], day, lambda most: _maximum(most, piece, market)),
        RuleLine("settlement", "T+0" if is_t0(security, day) else "T+1", None, _SETTLEMENT),
        _line("tick_size", ticks(security), day, _tick),
        _limit_line(security, day, listed_days),
        _line("price_cage", CAGES.get(security.board, ()), day, _cage),
        _line("st_buy_cap", cap, day, lambda most: f"单日买入上限 {most} 股"),
        _line("stamp_duty", duty, day, _duty),
        _line("transfer_fee", transfer, day, lambda rate: f"双向 {_percent(rate)}"),
    )


def commission_line(commission: Commission) -> RuleLine:
    """What the broker charges, as the account has agreed it."""
    rates = f"买入 {_percent(commission.buy)}，卖出 {_percent(commission.sell)}"
    return RuleLine(
        "commission", f"{rates}，每笔最低 {show_price(commission.minimum)} 元", None, "账户约定，规则文件可改"
    )


def _line(rule: str, rows: Timeline[T], day: date, words: Callable[[T], str]) -> RuleLine:
    row = in_force(rows, day)
    if row is None:
        return RuleLine(rule, _NONE, None, "")
    return RuleLine(rule, words(row.value), row.day if row.day > ALWAYS else None, row.source)


def _own(rule: str, words: str) -> RuleLine:
    return RuleLine(rule, words, None, _OWN)


def _limit_line(security: Security, day: date, listed_days: int | None) -> RuleLine:
    ratio = ratio_in_force(security, day, listed_days)
    group = rule_group(security)
    usual = in_force((RISK_WARNING_RATIOS if security.st else RATIOS).get(group, RATIOS[group]), day)
    if usual is None and ratio is None:
        return RuleLine("price_limit", _NONE, None, "")
    if usual is not None and usual.value == ratio:
        return RuleLine("price_limit", _ratio(ratio), usual.day, usual.source)
    reason = f"上市第 {listed_days} 个交易日" if listed_days is not None else _OWN
    return RuleLine("price_limit", _ratio(ratio), None, reason)


def _ratio(ratio: Ratio | None) -> str:
    if ratio is None:
        return "不设涨跌幅限制"
    return f"涨 {ratio.up / 10:g}%，跌 {ratio.down / 10:g}%"


def _lot(lot: Lot, piece: str) -> str:
    if lot.minimum == 0:
        return "不能买卖"
    if lot.step == 1:
        return f"至少 {lot.minimum} {piece}，以 1 {piece}递增；余额不足 {lot.minimum} {piece}须一次卖出"
    return f"{lot.step} {piece}的整数倍；零头须一次卖出"


def _maximum(most: tuple[int, int], piece: str, takes_market: bool) -> str:
    limit, market = most
    return f"限价 {limit} {piece}，" + (f"市价 {market} {piece}" if takes_market else "不接受市价委托")


def _tick(tick: Price) -> str:
    return f"{show_price(tick)}"


def _cage(rule: CageRule) -> str:
    steps = f"或 {rule.ticks} 个最小变动单位（取宽者）" if rule.ticks else ""
    return f"基准价 {rule.percent}%{steps}" + ("，超出的委托暂存" if rule.parks else "，超出的委托作废")


def _duty(tax: Tax) -> str:
    return f"买入 {_percent(tax.buy)}，卖出 {_percent(tax.sell)}"


def _percent(rate: int) -> str:
    return f"{rate * 100 / RATE_SCALE:g}%"


def _windows(windows: tuple[Window, ...]) -> str:
    ends = [f"{window.start:%H:%M}" for window in windows[2:]] + [""]
    spans = zip(windows[1:], ends, strict=True)
    return "，".join(
        f"{w.start:%H:%M}-{end} {PHASE_NAMES[w.phase]}" if end else f"{w.start:%H:%M} 起{PHASE_NAMES[w.phase]}"
        for w, end in spans
    )
