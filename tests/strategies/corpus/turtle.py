# ruff: noqa
# fmt: off
# 海龟：唐奇安通道突破入场，ATR 定头寸，2N 用条件单止损
import talib
import numpy as np
from jqdata import *


def initialize(context):
    set_params()
    set_option('use_real_price', True)
    set_slippage(PriceRelatedSlippage(0.002), type='fund')
    run_daily(before_market_open, time='before_open', reference_security='000300.XSHG')
    run_daily(market_open, time='every_bar', reference_security='000300.XSHG')
    run_daily(after_market_close, time='after_close', reference_security='000300.XSHG')


def set_params():
    g.securities = ['159915.XSHE', '510500.XSHG', '512880.XSHG', '518880.XSHG']
    g.entry = 10
    g.exit = 5
    g.atr = {}
    g.up = {}
    g.down = {}


def before_market_open(context):
    for s in g.securities:
        bars = attribute_history(s, 30, '1d', ['high', 'low', 'close'], df=False)
        g.atr[s] = talib.ATR(bars['high'], bars['low'], bars['close'], timeperiod=14)[-1]
        g.up[s] = max(bars['high'][-g.entry:])
        g.down[s] = min(bars['low'][-g.exit:])
    log.info('函数运行时间(before_market_open)：' + str(context.current_dt.time()))


def market_open(context):
    current_data = get_current_data()
    for s in g.securities:
        last = current_data[s].last_price
        held = context.portfolio.positions[s] if s in context.portfolio.positions else None
        if held is None and last > g.up[s]:
            unit = context.portfolio.total_value * 0.01 / g.atr[s]
            o = order(s, min(unit, context.portfolio.available_cash * 0.3 / last))
            if o is not None and o.filled:
                log.info('突破买入 %s %d' % (s, o.filled))
        elif held is not None and held.closeable_amount > 0:
            if last < g.down[s]:
                order_target(s, 0)
            elif not [o for o in get_open_orders().values() if o.security == s]:
                stop = round(held.avg_cost - 2 * g.atr[s], 3)
                order(s, -held.closeable_amount, StopMarketOrderStyle('stop_loss', stop))


def after_market_close(context):
    trades = get_trades()
    for _trade in trades.values():
        log.info('成交记录：' + str(_trade))
    log.info('一天结束')
