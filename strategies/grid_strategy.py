"""网格：在一只 ETF 上每天挂一组限价单，跌一格买一份，涨一格卖一份。

用法：bullet-trade live strategies/grid_strategy.py --broker simulator --replay 2025-12-01:2026-01-30
"""

from jqdata import *


def initialize(context):
    set_benchmark("000300.XSHG")
    set_option("use_real_price", True)
    g.code = "510300.XSHG"
    g.step = 0.006  # 每格 0.6%
    g.levels = 4  # 上下各挂几格
    g.lot = 5000  # 每格份数
    g.base = None  # 网格中枢：最近一次成交价
    run_daily(build_position, time="9:31")
    run_daily(place_grid, time="9:32")
    run_daily(follow_fills, time="every_bar")


def build_position(context):
    """第一天建半仓底仓，卖单才有份额可卖。"""
    if g.base is not None:
        return
    placed = order_value(g.code, context.portfolio.available_cash * 0.5)
    if placed is not None and placed.status == OrderStatus.held:
        g.base = placed.price
        log.info("底仓 %d 份，中枢 %.3f" % (placed.filled, g.base))


def place_grid(context):
    if g.base is None:
        return
    quote = get_current_data()[g.code]
    if quote.paused:
        return
    for level in range(1, g.levels + 1):
        buy_price = round(g.base * (1 - g.step * level), 3)
        sell_price = round(g.base * (1 + g.step * level), 3)
        # 限价单会留在交易所排队：wait_timeout=0 表示挂出即返回，不等成交
        if quote.low_limit <= buy_price < quote.last_price:
            order(g.code, g.lot, LimitOrderStyle(buy_price), wait_timeout=0)
        if quote.high_limit >= sell_price > quote.last_price:
            order(g.code, -g.lot, LimitOrderStyle(sell_price), wait_timeout=0)


def follow_fills(context):
    """有一格成交，就以成交价为新中枢重挂。"""
    trades = [t for t in get_trades().values() if t.time > (g.seen or t.time.replace(hour=9, minute=32, second=0))]
    if not trades:
        return
    last = max(trades, key=lambda trade: trade.time)
    g.seen = last.time
    g.base = last.price
    cancel_all_orders()
    place_grid(context)


def before_trading_start(context):
    g.seen = None


def after_trading_end(context):
    record(份额=context.portfolio.positions[g.code].total_amount if g.code in context.portfolio.positions else 0)
