"""动量轮动：从一组大盘股里持有 20 日涨幅最大的几只，每周调仓，跌破成本一定比例止损。

用法：bullet-trade live strategies/demo_strategy.py --broker simulator --replay 2025-12-01:2026-01-30
"""

from bullet_trade.strategy.guards import DrawdownGuard, tradable
from jqdata import *

POOL = [
    "000001.XSHE",
    "000333.XSHE",
    "002594.XSHE",
    "300059.XSHE",
    "300750.XSHE",
    "600036.XSHG",
    "600519.XSHG",
    "600900.XSHG",
    "601318.XSHG",
    "688981.XSHG",
]


def initialize(context):
    set_benchmark("000300.XSHG")
    set_option("use_real_price", True)
    log.set_level("order", "error")
    g.hold_count = 3  # 持有只数
    g.lookback = 20  # 动量窗口，交易日
    g.stop_loss = 0.05  # 跌破成本 5% 止损
    g.guard = DrawdownGuard(0.15)  # 总资产从最高点回撤 15% 后不再买入
    g.stopped = {}  # 止损日期：{代码: 日期}
    run_weekly(rebalance, 1, time="9:35")
    run_daily(check_stop_loss, time="14:50")


def before_trading_start(context):
    # 止损后 5 天之内不再买回
    today = context.current_dt.date()
    g.stopped = {code: day for code, day in g.stopped.items() if (today - day).days < 5}


def rebalance(context):
    targets = pick(context)
    log.info("本周目标：%s" % "、".join(targets))
    for code in context.portfolio.positions:
        if code not in targets:
            order_target_value(code, 0)
    if not targets or not g.guard.may_buy(context):
        return
    value = context.portfolio.total_value * 0.95 / len(targets)
    for code in targets:
        order_target_value(code, value)
    record(持仓只数=len(context.portfolio.positions))


def pick(context):
    """按动量从高到低排序；停牌、ST、涨停的不买，下跌的不买。"""
    current = get_current_data()
    free = tradable(POOL)  # 没有停牌、不是 ST、没有封住涨停
    scores = {}
    for code in POOL:
        quote = current[code]
        if code in g.stopped or quote.paused or (code not in free and code not in context.portfolio.positions):
            continue
        close = attribute_history(code, g.lookback, "1d", ["close"])["close"]
        if len(close) < g.lookback:
            continue
        score = quote.last_price / close.iloc[0] - 1
        if score > 0:
            scores[code] = score
    return sorted(scores, key=scores.get, reverse=True)[: g.hold_count]


def check_stop_loss(context):
    for code, position in context.portfolio.positions.items():
        if position.closeable_amount and position.price < position.avg_cost * (1 - g.stop_loss):
            log.warn("止损 %s：现价 %.2f，成本 %.2f" % (code, position.price, position.avg_cost))
            order_target(code, 0)
            g.stopped[code] = context.current_dt.date()


def after_trading_end(context):
    log.info("总资产 %.2f，当日成交 %d 笔" % (context.portfolio.total_value, len(get_trades())))
