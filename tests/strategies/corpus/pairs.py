# ruff: noqa
# fmt: off
# 配对：两只银行 ETF/指数 ETF 的价差 z 分数，持有便宜的一只，两个子账户各管一只
from jqdata import *
from statistics import mean as average_of


def initialize(context):
    set_option('use_real_price', True)
    set_benchmark('000300.XSHG')
    cash = context.portfolio.starting_cash
    set_subportfolios([SubPortfolioConfig(cash=cash / 2, type='stock'), SubPortfolioConfig(cash=cash / 2, type='stock')])
    g.pair = ['510300.XSHG', '510500.XSHG']
    g.n = 20
    run_daily(rebalance, time='14:50', reference_security='000300.XSHG')
    run_monthly(settle, monthday=-1, time='open+30m')


def z_score():
    prices = history(g.n, unit='1d', field='close', security_list=g.pair, df=False)
    ratio = np.log(prices[g.pair[0]] / prices[g.pair[1]])
    return (ratio[-1] - average_of(ratio)) / std(ratio)


def rebalance(context):
    z = z_score()
    weights = (0.9, 0.3) if z < -0.3 else (0.3, 0.9) if z > 0.3 else (0.6, 0.6)
    for pindex, (code, weight) in enumerate(zip(g.pair, weights)):
        book = context.subportfolios[pindex]
        order_target_value(code, book.total_value * weight, pindex=pindex)
    log.info('z=%.2f 账户 %.0f + %.0f' % (z, context.subportfolios[0].total_value, context.subportfolios[1].total_value))


def settle(context):
    first, second = context.subportfolios
    if first.available_cash > second.available_cash + 1000:
        transfer_cash(0, 1, (first.available_cash - second.available_cash) / 2)
