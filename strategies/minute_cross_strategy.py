"""分钟均线：一只股票的 5 分钟均价上穿 20 分钟均价买入，下穿卖出可卖的部分（T+1）。

用法：bullet-trade live strategies/minute_cross_strategy.py --broker simulator --replay 2025-12-01:2025-12-31
"""

from collections import deque

from jqdata import *


def initialize(context):
    set_benchmark("000300.XSHG")
    g.code = "000001.XSHE"
    g.amount = 10000
    g.prices = deque(maxlen=20)
    g.above = None  # 上一分钟短均线是否在长均线之上


def before_trading_start(context):
    g.prices.clear()  # 隔夜跳空不算交叉
    g.above = None


def handle_data(context, data):
    g.prices.append(data[g.code].close)
    if len(g.prices) < 20:
        return
    prices = list(g.prices)
    above = sum(prices[-5:]) / 5 > sum(prices) / 20
    crossed, g.above = g.above is not None and above != g.above, above
    if not crossed:
        return
    position = context.portfolio.positions.get(g.code)
    if above and position is None:
        order(g.code, g.amount)
    elif not above and position is not None and position.closeable_amount > 0:
        order(g.code, -position.closeable_amount)


def after_trading_end(context):
    record(总资产=context.portfolio.total_value)
