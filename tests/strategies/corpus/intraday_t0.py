# ruff: noqa
# fmt: off
# 日内 T0：底仓加分钟均线偏离，先买后卖或先卖后买，收盘前恢复底仓
from jqdata import *
import pandas as pd


class Leg(object):
    def __init__(self, code, base):
        self.code = code
        self.base = base
        self.done = 0

    def __repr__(self):
        return 'Leg(%s,%d)' % (self.code, self.base)


def initialize(context):
    set_option('use_real_price', True)
    set_option('order_volume_ratio', 1)
    set_order_cost(OrderCost(open_tax=0, close_tax=0.001, open_commission=0.0003, close_commission=0.0003,
                             close_today_commission=0, min_commission=5), type='stock')
    g.legs = [Leg('000001.XSHE', 8000), Leg('000002.XSHE', 4000)]
    g.quota = 0.25
    context.opened = False
    run_daily(open_base, '9:31')
    run_daily(check, 'every_bar')
    run_daily(restore, '14:55')


def open_base(context):
    if not context.opened:
        for leg in g.legs:
            order_target(leg.code, leg.base)
        context.opened = True


def check(context):
    if not '09:45' < context.current_dt.strftime('%H:%M') < '14:50':
        return
    for leg in g.legs:
        if leg.done >= 4:
            continue
        bars = get_bars(leg.code, 15, unit='1m', fields=['close', 'high', 'low'], include_now=False, df=True)
        close = bars['close']
        if close.size < 15:
            continue
        mean_price = close.mean()
        last = close.iloc[-1]
        amount = int(leg.base * g.quota / 100) * 100
        position = context.portfolio.positions[leg.code]
        if last < mean_price * 0.996:
            if order(leg.code, amount) is not None:
                leg.done += 1
        elif last > mean_price * 1.004 and position.closeable_amount >= amount:
            if order(leg.code, -amount) is not None:
                leg.done += 1


def restore(context):
    for leg in g.legs:
        order_target(leg.code, leg.base)
        leg.done = 0
