# ruff: noqa
# fmt: off
# Dual Thrust：昨日区间定上下轨，突破上轨做多，跌破下轨平仓；只在代码变化时登记定时任务
from jqdata import *


def initialize(context):
    set_option('use_real_price', True)
    set_benchmark('000905.XSHG')
    g.security = '510500.XSHG'
    g.days = 4
    g.k1 = 0.3
    g.k2 = 0.3


def after_code_changed(context):
    unschedule_all()
    run_daily(set_range, time='9:00')
    run_daily(trade, time='every_minute')
    run_daily(summary, '15:01')


def set_range(context):
    hist = get_price(g.security, end_date=context.previous_date, frequency='1d', fields=['high', 'low', 'close'],
                     count=g.days)
    hh, lc = hist['high'].max(), hist['close'].min()
    hc, ll = hist['close'].max(), hist['low'].min()
    g.range = max(hh - lc, hc - ll)
    g.upper = g.lower = None


def trade(context):
    current = get_current_data()[g.security]
    if g.upper is None:
        g.upper = current.day_open + g.k1 * g.range
        g.lower = current.day_open - g.k2 * g.range
        return
    price = current.last_price
    position = context.portfolio.long_positions.get(g.security)
    if price > g.upper and position is None:
        order_target_percent(g.security, 0.95)
    elif price < g.lower and position is not None and position.closeable_amount > 0:
        order_target(g.security, 0)


def summary(context):
    if g.security in context.portfolio.positions:
        send_message('持仓 %s' % g.security)
    log.info('收益 %.4f' % context.portfolio.returns)
