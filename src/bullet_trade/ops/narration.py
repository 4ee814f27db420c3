"""One clear Chinese line per event. Pure: an event in, a line out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from bullet_trade.domain.money import SCALE, text
from bullet_trade.domain.orders import OrderState, OrderType, Side
from bullet_trade.engine import events
from bullet_trade.engine.events import OrderFacts

ALARMING = frozenset({"doubled", "fills_missing", "expired", "unknown", "adopted"})
"""Findings of a reconciliation that a person has to look into."""

SIDE = {Side.BUY: "买入", Side.SELL: "卖出"}


class Line(NamedTuple):
    """What to write: `level` is debug, info, warning or error; `source` is system, order or strategy."""

    at: datetime
    level: str
    source: str
    text: str


def narrate(event: events.Event) -> Line | None:  # noqa: PLR0912 - one row per event
    """The line for an event; None for those that are shown in another form (closes, curves)."""
    match event:
        case events.OrderPlaced(at, order, adjustments):
            return Line(at, "info", "order", _placed(order, adjustments))
        case events.OrderRefused(at, code, name, side, amount, rule, reason):
            return _refused(at, f"{SIDE[side]} {_security(code, name)} {amount}股 [{rule}] {reason}", rule)
        case events.OrderFinished(at, order, elapsed_s, profit):
            return _finished(at, order, elapsed_s, profit)
        case events.CancelForbidden(at, order, rule, reason):
            return Line(at, "warning", "order", f"未撤单 {_head(order)} [{rule}] {reason}")
        case events.LimitNear(at, rule, words):
            return Line(at, "warning", "system", f"限额提醒 [{rule}] {words}")
        case events.PartFilled(at, order):
            return Line(
                at, "info", "order", f"部成 {_head(order)} 已成 {order.filled}股 均价 {_price(order.average_price)}"
            )
        case events.FilledLate(at, order, amount, price):
            words = f"结束后又成交 {amount}股 价格 {_price(price)}，已记账，累计成交 {order.filled}股"
            return Line(at, "warning", "order", f"迟到 {_head(order)} {words}")
        case events.OrderWaitEnded(at, order, waited_s):
            words = f"等待 {waited_s:g} 秒未完成，继续跟踪"
            return Line(at, "warning", "order", f"排队 {_head(order)} 已成 {order.filled}股，{words}")
        case events.ReportIgnored(at, reason):
            return Line(at, "warning", "system", f"回报未采用：{reason}")
        case events.CallbackFailed(at, callback, where, error, trace):
            return Line(at, "error", "strategy", f"策略函数 {callback} 出错（{where}）：{error}\n{trace.rstrip()}")
        case events.CallbackOverdue(at, callback, seconds, where, stack):
            words = f"策略函数 {callback} 已运行 {seconds:.0f} 秒仍未返回（{where}），其他任务和行情都在等它"
            return Line(at, "error", "strategy", f"{words}\n{stack.rstrip()}")
        case events.CallbackReturned(at, callback, seconds, conflated):
            words = f"；期间有 {conflated} 条行情被更新的代替" if conflated else ""
            return Line(at, "warning", "strategy", f"策略函数 {callback} 已返回，共 {seconds:.0f} 秒{words}")
        case events.OperatorActed(at, command, who, ok, words):
            return Line(at, "warning" if ok else "error", "system", f"操作员 {who} 执行 {command}：{words}")
        case events.CancelsOpen(at, orders, again):
            numbers = "、".join(f"#{number}" for number in orders)
            words = "再撤一次并核对" if again else "请在券商终端处理"
            return Line(at, "error", "system", f"撤单没有得到确认：{numbers}，{words}")
        case events.TaskMissed(at, task, due, times):
            return Line(at, "warning", "system", f"错过 {task}（应于 {due:%m-%d %H:%M:%S} 执行）共 {times} 次，未补做")
        case events.ClockStepped(at, seconds):
            return Line(at, "warning", "system", f"系统时钟跳变 {seconds:+.1f} 秒（调表或休眠），已按现在的时间继续")
        case events.DayOpened(at, day):
            return Line(at, "info", "system", f"──── 交易日 {day:%Y-%m-%d} ────")
        case events.Entitled(at, code, name, words):
            return Line(at, "info", "order", f"权益 {_security(code, name)} {words}")
        case events.AccountDiffers(at, differences):
            found = "；".join(f"{d.what} 本地 {d.ours} 券商 {d.theirs}" for d in differences)
            return Line(at, "error", "system", f"账户与券商不一致，已按券商更正：{found}")
        case events.Reconciled(at, findings):
            level = "warning" if any(f.kind in ALARMING for f in findings) else "info"
            return Line(at, level, "system", f"核对委托：{'；'.join(f.text for f in findings)}")
        case events.Alarmed(at, kind, words):
            return Line(at, "error", "system", f"告警 [{kind}] {words}")
        case events.AlarmOver(at, kind, words):
            return Line(at, "info", "system", f"告警解除 [{kind}] {words}")
        case events.LinkChanged(at, up, reason):
            return Line(at, "info" if up else "error", "system", "券商连接已恢复" if up else f"券商连接断开：{reason}")
        case events.Waiting(at, what, until):
            return Line(at, "info", "system", f"等待 {what}，{until:%Y-%m-%d %H:%M} 开始（还有 {_span(until, at)}）")
        case events.Saved(at, reason, unsaved):
            return _saved(at, reason, unsaved)
        case events.StateNote(at, words):
            return Line(at, "warning", "system", words)
        case events.StrategySaid(at, level, words, logical):
            return _said(at, level, words, logical or at)
        case events.Stopping(at, reason):
            return Line(at, "info", "system", f"引擎停止：{reason}")
    return None


def _refused(at: datetime, words: str, rule: str) -> Line:
    # A target that is nearly met leaves less than a lot to trade, day after day: no cause for a warning.
    return (
        Line(at, "info", "order", f"未下单 {words}")
        if rule == "lot_size"
        else Line(at, "warning", "order", f"拒单 {words}")
    )


def _placed(order: OrderFacts, adjustments: tuple[str, ...]) -> str:
    if order.order_type is OrderType.LIMIT:
        terms = f"限价 {_price(order.limit_price)}"
    else:
        terms = f"市价（参考 {_price(order.reference_price)}，保护价 {_price(order.limit_price)}）"
    notes = f"；{'；'.join(adjustments)}" if adjustments else ""
    return f"委托 {_head(order)} {order.amount}股 {terms}{notes}"


def _finished(at: datetime, order: OrderFacts, elapsed_s: float, profit: int | None) -> Line:
    done = ""
    if order.filled:
        value = order.average_price * order.filled
        done = f"{order.filled}股 均价 {_price(order.average_price)} 金额 {text(value)} 费用 {text(order.fees)}"
        if profit is not None:
            done += f" 盈亏 {profit / SCALE:+,.2f}"
    if order.state is OrderState.FILLED:
        return Line(at, "info", "order", f"成交 {_head(order)} {done} 用时 {elapsed_s:.1f}秒")
    word = "被拒" if order.state is OrderState.REJECTED else "撤单"
    part = f"，已成 {done}" if done else "，未成交"
    return Line(at, "warning", "order", f"{word} {_head(order)} 委托 {order.amount}股{part}：{order.reason}")


def _said(at: datetime, level: str, words: str, logical: datetime) -> Line:
    # The platform shows the strategy's own time; where the clock is elsewhere, it stands beside it.
    if abs(at - logical) < timedelta(seconds=1):
        return Line(at, level, "strategy", words)
    clock = f"{at:%H:%M:%S}" if at.date() == logical.date() else f"{at:%m-%d %H:%M:%S}"
    return Line(logical, level, "strategy", f"{words}（实际 {clock}）")


def _saved(at: datetime, reason: str, unsaved: tuple[str, ...]) -> Line:
    if unsaved:
        names = "、".join(f"g.{name}" for name in unsaved)
        return Line(at, "warning", "system", f"状态已保存（{reason}）；{names} 无法保存，重启后会丢失")
    return Line(at, "debug", "system", f"状态已保存（{reason}）")


def _head(order: OrderFacts) -> str:
    return f"#{order.order_id} {SIDE[order.side]} {_security(order.code, order.name)}"


def _security(code: str, name: str) -> str:
    return f"{code} {name}" if name and name != code else code


def _price(price: int) -> str:
    shown = text(price, 4)
    return shown.rstrip("0") if not shown.endswith("00") else shown[:-2]


def _span(until: datetime, at: datetime) -> str:
    minutes = int((until - at).total_seconds() // 60)
    days, hours = minutes // 1440, minutes % 1440 // 60
    parts = [f"{days}天" if days else "", f"{hours}小时" if hours else "", f"{minutes % 60}分钟" if not days else ""]
    return "".join(parts) or "不到1分钟"
