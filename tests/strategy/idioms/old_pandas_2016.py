# ruff: noqa - dirty on purpose, as real ones are
# fmt: off
# 2016 年的写法：handle_data、Panel、.ix、order、rolling_*、DataFrame.append、按位置传参数
import numpy as np
import pandas as pd
from pandas import Series, DataFrame
import datetime


def initialize(context):
    g.benchmark = '000300.XSHG'
    set_benchmark(g.benchmark)
    set_commission(PerTrade(buy_cost=0.0003, sell_cost=0.0013, min_cost=5))
    set_slippage(FixedSlippage(0.00))
    g.tc = 5
    g.t = 0
    g.stocks = get_index_stocks(g.benchmark)[:12]
    set_universe(g.stocks)
    log.set_level('order', 'error')


def before_trading_start(context):
    g.if_trade = g.t % g.tc == 0
    g.t += 1
    if g.if_trade:
        g.feasible = [s for s in g.stocks
                      if sum(attribute_history(s, 20, unit='1d', fields=('paused'), skip_paused=False)['paused']) <= 5]


def handle_data(context, data):
    if not g.if_trade or context.current_dt.hour * 100 + context.current_dt.minute != 930:
        return
    panel = get_price(g.feasible, start_date=context.current_dt - datetime.timedelta(60), end_date=context.previous_date, fields=['close', 'volume'])
    df = panel['close']
    ret = (df.ix[-1] / df.ix[0] - 1).order(ascending=True)
    want = list(ret[:3].index)
    d = DataFrame({'r': ret, 'c': df.ix[-1]}).sort(columns='r', ascending=False)
    d['rank'] = d['r'].rank()
    d = d.ix[:, ['r', 'rank']].drop('rank', 1)
    one, two = df[want[0]], df[want[1]]
    assert abs(pd.rolling_mean(one, 5)[-1] - one[-5:].mean()) < 1e-9
    assert pd.rolling_apply(one, 5, lambda x: x[-1] - x[0])[-1] == one[-1] - one[-5]
    record(corr=pd.rolling_corr(one, two, 10)[-1], ewma=pd.ewma(one, span=5)[-1])
    assert panel.minor_xs(want[0])['close'][-1] == one[-1] == panel[:, :, want[0]].close.iloc[-1]
    assert pd.Panel({'a': df, 'b': df * 2}).b.ix[-1][want[0]] == 2 * one[-1]
    sr = Series([1, 2], index=want[:2]).append(Series([4], index=['x']))
    assert sr.ix['x'] == 4 and sr[-1] == 4 and np.float(sr[0]) == 1.0
    assert df.index[-1] == context.previous_date and len(df[df.index < context.previous_date]) == len(df) - 1
    assert (df.loc[context.previous_date] == df.iloc[-1]).all()
    rows = DataFrame(columns=['code', 'r'])
    for i, v in ret.iteritems():
        rows = rows.append({'code': i, 'r': v}, ignore_index=True)
    assert rows.sort_values('r', 0, False)['code'].iloc[0] == d.index[0]
    assert len(df.resample('W', how='last')) >= 8
    for s in context.portfolio.positions.keys():
        if s not in want:
            order_target_value(s, 0)
    for s in want:
        if not data[s].paused and data[s].mavg(5) > 0:
            order_target_value(s, context.portfolio.portfolio_value / len(want))
