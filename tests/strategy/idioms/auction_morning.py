# ruff: noqa - dirty on purpose, as real ones are
# fmt: off
# 集合竞价：09:26 看开盘价和竞价量，开盘价限价买入，次日下午卖出
from jqdata import *


def initialize(context):
    set_option("use_real_price", True)
    set_option("avoid_future_data", True)
    log.set_level("order", "error")
    g.pool = get_index_stocks("000016.XSHG")[:10]
    run_daily(look, "9:26")
    run_daily(buy, "09:30:30")
    run_daily(sell, time="13:00", reference_security="000300.XSHG")


def look(context):
    today = context.current_dt.strftime("%Y-%m-%d")
    df = get_call_auction(g.pool, start_date=today, end_date=today, fields=["time", "current", "volume", "money"])
    close = history(1, "1d", "close", g.pool).iloc[0]
    df["pct"] = df.apply(lambda r: r["current"] / close[r["code"]] - 1, axis=1)
    df = df.set_index("code").sort_values(by="pct", ascending=False)
    g.top = df.index.tolist()[:2]
    current_data = get_current_data()
    for code in g.top:
        assert abs(current_data[code].day_open - df.loc[code, "current"]) < 0.0001
        assert current_data[code].last_price == close[code]
    o = order_value(g.top[0], 20000, LimitOrderStyle(current_data[g.top[0]].day_open))
    assert o is None or (o.filled == 0 and o.order_id in get_open_orders())
    order_value(g.top[1], 20000, MarketOrderStyle(current_data[g.top[1]].day_open))


def buy(context):
    for code in g.top:
        if code not in context.portfolio.positions.keys():
            order_target_value(code, context.portfolio.total_value / 4)


def sell(context):
    for code in context.portfolio.positions:
        if context.portfolio.positions[code].closeable_amount > 0:
            order_target(code, 0)
