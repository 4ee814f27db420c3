# ruff: noqa
# fmt: off
# Tick：盘口买卖量失衡时进出，尾盘清掉能卖的
from jqdata import *


def initialize(context):
    set_option('use_real_price', True)
    g.code = '518880.XSHG'
    g.count = 0
    g.closed = False


def before_trading_start(context):
    unsubscribe_all()
    subscribe(g.code, 'tick')
    g.closed = False
    g.count = 0


def handle_tick(context, tick):
    g.count += 1
    if tick.datetime.hour == 14 and tick.datetime.minute >= 50:
        if not g.closed:
            g.closed = True
            order_target(g.code, 0)
        return
    bid = tick.b1_v + tick.b2_v + tick.b3_v
    ask = tick.a1_v + tick.a2_v + tick.a3_v
    position = context.portfolio.positions.get(g.code)
    if position is None and bid > 2.5 * ask and tick.a1_p > 0 and g.count > 60:
        order_value(g.code, context.portfolio.available_cash * 0.5, LimitOrderStyle(tick.a1_p), wait_timeout=3)
    elif position is not None and position.closeable_amount > 0 and tick.current > position.avg_cost * 1.002:
        order_target(g.code, 0)


def after_trading_end(context):
    unsubscribe_all()
    log.info('%d 个 tick，成交 %d 笔' % (g.count, len(get_trades())))
