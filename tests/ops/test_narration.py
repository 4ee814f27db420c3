"""One clear Chinese line per event."""

from __future__ import annotations

from datetime import date, datetime

import msgspec
import pytest

from bullet_trade.domain.ledger import Difference
from bullet_trade.domain.money import Money, money, price
from bullet_trade.domain.orders import OrderId, OrderState, OrderType, Side
from bullet_trade.engine import events
from bullet_trade.engine.recovery import Finding
from bullet_trade.ops.collector import Collector
from bullet_trade.ops.logbook import formatted
from bullet_trade.ops.narration import narrate
from sample_order import BUY, CODE

NOW = datetime(2025, 12, 1, 9, 35)


def order(**changes: object) -> events.OrderFacts:
    return msgspec.structs.replace(BUY, **changes)


DONE = {"state": OrderState.FILLED, "filled": 1000, "average_price": price("10.025"), "fees": money("5.1")}
TABLE: list[tuple[events.Event, str, str]] = [
    (
        events.OrderPlaced(NOW, BUY, ()),
        "info",
        "委托 #7 买入 600000.XSHG 浦发银行 1000股 市价（参考 10.00，保护价 10.15）",
    ),
    (
        events.OrderPlaced(
            NOW, order(order_type=OrderType.LIMIT, limit_price=price("4.125"), side=Side.SELL), ("数量调整",)
        ),
        "info",
        "委托 #7 卖出 600000.XSHG 浦发银行 1000股 限价 4.125；数量调整",
    ),
    (
        events.OrderRefused(NOW, CODE, "浦发银行", Side.BUY, 100, "suspended", "停牌"),
        "warning",
        "拒单 买入 600000.XSHG 浦发银行 100股 [suspended] 停牌",
    ),
    (
        events.CancelForbidden(NOW, order(), "max_daily_cancels", "上限 3 次"),
        "warning",
        "未撤单 #7 买入 600000.XSHG 浦发银行 [max_daily_cancels] 上限 3 次",
    ),
    (
        events.LimitNear(NOW, "max_order_rate", "排队等待"),
        "warning",
        "限额提醒 [max_order_rate] 排队等待",
    ),
    (
        events.OrderFinished(NOW, order(**DONE), 0.5, None),
        "info",
        "成交 #7 买入 600000.XSHG 浦发银行 1000股 均价 10.025 金额 10,025.00 费用 5.10 用时 0.5秒",
    ),
    (
        events.OrderFinished(NOW, order(**{**DONE, "side": Side.SELL}), 3.0, money("-1234.5")),
        "info",
        "成交 #7 卖出 600000.XSHG 浦发银行 1000股 均价 10.025 金额 10,025.00 费用 5.10 盈亏 -1,234.50 用时 3.0秒",
    ),
    (
        events.OrderFinished(NOW, order(state=OrderState.CANCELLED, reason="收盘未成交"), 1.0, None),
        "warning",
        "撤单 #7 买入 600000.XSHG 浦发银行 委托 1000股，未成交：收盘未成交",
    ),
    (
        events.OrderFinished(NOW, order(state=OrderState.REJECTED, reason="资金不足"), 1.0, None),
        "warning",
        "被拒 #7 买入 600000.XSHG 浦发银行 委托 1000股，未成交：资金不足",
    ),
    (
        events.PartFilled(NOW, order(filled=300, average_price=price("10.1"))),
        "info",
        "部成 #7 买入 600000.XSHG 浦发银行 已成 300股 均价 10.10",
    ),
    (
        events.Reconciled(NOW, (Finding("working", "bt:x:1", "甲"), Finding("external", "", "乙"))),
        "info",
        "核对委托：甲；乙",
    ),
    (events.Reconciled(NOW, (Finding("unknown", "bt:x:1", "甲"),)), "warning", "核对委托：甲"),
    (events.StateNote(NOW, "已退回第 3 代"), "warning", "已退回第 3 代"),
    (
        events.FilledLate(NOW, order(filled=300, state=OrderState.CANCELLED), 300, price("10.1")),
        "warning",
        "迟到 #7 买入 600000.XSHG 浦发银行 结束后又成交 300股 价格 10.10，已记账，累计成交 300股",
    ),
    (
        events.OrderWaitEnded(NOW, order(filled=300), 16.0),
        "warning",
        "排队 #7 买入 600000.XSHG 浦发银行 已成 300股，等待 16 秒未完成，继续跟踪",
    ),
    (events.ReportIgnored(NOW, "原因"), "warning", "回报未采用：原因"),
    (
        events.CallbackFailed(NOW, "task@9:35", "demo.py:12", "KeyError: 'x'", "Traceback\n  ...\n"),
        "error",
        "策略函数 task@9:35 出错（demo.py:12）：KeyError: 'x'\nTraceback\n  ...",
    ),
    (
        events.CallbackOverdue(NOW, "task@9:35", 61.2, "demo.py:12", "策略所在位置：\n  demo.py\n"),
        "error",
        "策略函数 task@9:35 已运行 61 秒仍未返回（demo.py:12），其他任务和行情都在等它\n策略所在位置：\n  demo.py",
    ),
    (
        events.CallbackReturned(NOW, "task@9:35", 75.0, 12),
        "warning",
        "策略函数 task@9:35 已返回，共 75 秒；期间有 12 条行情被更新的代替",
    ),
    (
        events.OperatorActed(NOW, "halt", "li（进程 11）", True, "急停有效"),
        "warning",
        "操作员 li（进程 11） 执行 halt：急停有效",
    ),
    (
        events.CancelsOpen(NOW, (OrderId(3), OrderId(7)), True),
        "error",
        "撤单没有得到确认：#3、#7，再撤一次并核对",
    ),
    (events.CancelsOpen(NOW, (OrderId(3),), False), "error", "撤单没有得到确认：#3，请在券商终端处理"),
    (events.DayOpened(NOW, date(2025, 12, 1)), "info", "──── 交易日 2025-12-01 ────"),
    (events.Entitled(NOW, CODE, "浦发银行", "每股派现 0.41 元"), "info", "权益 600000.XSHG 浦发银行 每股派现 0.41 元"),
    (
        events.AccountDiffers(NOW, (Difference("现金", "1.00", "2.00"), Difference("x 持仓", "0 股", "100 股"))),
        "error",
        "账户与券商不一致，已按券商更正：现金 本地 1.00 券商 2.00；x 持仓 本地 0 股 券商 100 股",
    ),
    (events.Alarmed(NOW, "drawdown", "回撤 12%"), "error", "告警 [drawdown] 回撤 12%"),
    (events.AlarmOver(NOW, "drawdown", "回撤 12%"), "info", "告警解除 [drawdown] 回撤 12%"),
    (events.LinkChanged(NOW, False, "超时"), "error", "券商连接断开：超时"),
    (events.LinkChanged(NOW, True, ""), "info", "券商连接已恢复"),
    (
        events.Waiting(NOW, "2025-12-03 交易日", datetime(2025, 12, 3, 9, 15)),
        "info",
        "等待 2025-12-03 交易日，2025-12-03 09:15 开始（还有 1天23小时）",
    ),
    (events.Saved(NOW, "定时", ()), "debug", "状态已保存（定时）"),
    (events.Saved(NOW, "退出", ("a", "b")), "warning", "状态已保存（退出）；g.a、g.b 无法保存，重启后会丢失"),
    (events.StrategySaid(NOW, "info", "你好"), "info", "你好"),
    (events.Stopping(NOW, "收到 SIGTERM"), "info", "引擎停止：收到 SIGTERM"),
    (
        events.ClockStepped(NOW, -90.0),
        "warning",
        "系统时钟跳变 -90.0 秒（调表或休眠），已按现在的时间继续",
    ),
]
IDS = [f"{type(event).__name__} {level}" for event, level, _ in TABLE]


@pytest.mark.parametrize(("event", "level", "words"), TABLE, ids=IDS)
def test_the_line_of_each_event(event: events.Event, level: str, words: str) -> None:
    line = narrate(event)
    assert line is not None
    assert (line.at, line.level, line.text) == (NOW, level, words)


@pytest.mark.parametrize(("event", "level", "words"), TABLE, ids=IDS)
def test_a_gbk_console_can_show_every_line(event: events.Event, level: str, words: str) -> None:
    line = narrate(event)
    assert line is not None
    assert formatted(line).encode("gbk").decode("gbk").endswith(words)


def closed() -> events.DayClosed:
    nothing = Money(0)
    return events.DayClosed(NOW, date(2025, 12, 1), nothing, (), nothing, nothing, nothing, nothing, 0, 0)


def test_closes_and_curves_have_forms_of_their_own() -> None:
    assert narrate(closed()) is None
    assert narrate(events.Recorded(date(2025, 12, 1), {"x": 1.0})) is None
    assert narrate(events.StrategyMessage(NOW, "在日志里已有一行")) is None


def test_every_kind_of_event_is_in_the_table() -> None:
    kinds = {kind.__name__ for kind in events.Event.__args__}
    assert kinds == {type(event).__name__ for event, _, _ in TABLE} | {
        *("DayClosed", "Recorded", "StrategyMessage", "TaskMissed")
    }


class TestCollector:
    def test_trades_are_orders_that_filled_something(self) -> None:
        collector = Collector()
        collector.tell(events.OrderFinished(NOW, order(state=OrderState.CANCELLED), 1.0, None))
        collector.tell(events.OrderFinished(NOW, order(**{**DONE, "side": Side.SELL}), 1.0, money("12")))
        (trade,) = collector.trades
        assert (trade.at, trade.code, trade.side, trade.amount) == (NOW, CODE, Side.SELL, 1000)
        assert (trade.price, trade.fees, trade.profit) == (price("10.025"), money("5.1"), money("12"))

    def test_the_last_value_of_a_day_counts_and_days_ascend(self) -> None:
        collector = Collector()
        for day, value in ((2, 5.0), (1, 1.0), (1, 3.0)):
            collector.tell(events.Recorded(date(2025, 12, day), {"仓位": value}))
        assert collector.curves() == {"仓位": [(date(2025, 12, 1), 3.0), (date(2025, 12, 2), 5.0)]}

    def test_closes_are_kept_in_order(self) -> None:
        collector = Collector()
        collector.tell(closed())
        collector.tell(closed())
        assert len(collector.closes) == 2
