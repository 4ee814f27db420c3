# ruff: noqa
# fmt: off
# 网格：中枢上下分格，跌一格加仓，涨一格减仓，用 handle_data
import jqdata


def initialize(context):
    g.security = '510300.XSHG'
    set_universe([g.security])
    set_benchmark(g.security)
    set_commission(PerTrade(buy_cost=0.0003, sell_cost=0.0013, min_cost=5))
    g.base = None
    g.step = 0.004
    g.lot = 10000
    g.last_day = jqdata.get_all_trade_days()[-1]


def handle_data(context, data):
    price = data[g.security].close
    if isnan(price):
        return
    position = context.portfolio.positions[g.security]
    if g.base is None:
        if order_value(g.security, context.portfolio.portfolio_value / 2) is not None:
            g.base = price
        return
    if price <= g.base * (1 - g.step) and context.portfolio.cash > price * g.lot * 1.02:
        o = order(g.security, g.lot)
        if o is not None and o.filled > 0:
            g.base = o.price
    elif price >= g.base * (1 + g.step) and position.sellable_amount >= g.lot:
        o = order(g.security, -g.lot, LimitOrderStyle(round(price * 0.998, 3)))
        if o is not None and o.status == OrderStatus.held:
            g.base = o.price
    record(price=price, base=g.base)
