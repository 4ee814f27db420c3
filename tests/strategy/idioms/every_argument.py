# ruff: noqa - dirty on purpose, as real ones are
# fmt: off
# 参数的各种写法：按位置、按名字、元组、字段写在单位的位置、df=False、各种周期
import jqdata
import numpy as np


def initialize(context):
    g.s = '600036.XSHG'
    g.stocks = [g.s, '601318.XSHG', '000333.XSHE']
    set_universe(g.stocks)
    jqdata.set_option('use_real_price', True)
    set_slippage(PriceRelatedSlippage(0.002), type='stock')
    run_daily(func=trade, time='10:00', reference_security='000300.XSHG')
    run_weekly(func=windows, weekday=2, time='14:50')


def trade(context):
    a = history(5, '1d', 'close', g.stocks, True, False, 'pre')
    b = history(count=5, unit='1d', field='close', df=False, skip_paused=True, fq=None)
    assert list(a.columns) == g.stocks and a.index[-1].date() == context.previous_date
    assert set(b) == set(g.stocks) and isinstance(b[g.s], np.ndarray)
    c = attribute_history(g.s, 5, '1d', ('close', 'open'), True, False, 'pre')
    assert list(c) == ['close', 'open'] and c['close'][-1] == a[g.s][-1]
    assert list(attribute_history(g.s, 20, ['high', 'low']).columns) == ['high', 'low']
    assert list(attribute_history(g.s, 2).columns) == ['open', 'close', 'high', 'low', 'volume', 'money']
    d = get_price(g.s, '2025-11-03', context.previous_date, 'daily', ['close', 'volume'])
    e = get_price(security=g.s, end_date=context.previous_date, count=5, fields='close', panel=False)
    assert list(e.columns) == ['close'] and e['close'][-1] == d['close'][-1] == a[g.s][-1]
    assert str(d.index[0].date()) == '2025-11-03'
    order(security=g.s, amount=100)
    order_value(g.s, np.float64(20000.5))
    order_target(g.s, np.int64(300))
    order_target_value(security='000333.XSHE', value=30000, style=None, side='long', pindex=0, close_today=False)
    order_target('601318.XSHG', 0 if '601318.XSHG' in context.portfolio.positions else 200, MarketOrderStyle())


def windows(context):
    for unit in ('5m', '10m', '15m', '30m', '50m', '60m', '120m', '5d'):
        assert len(attribute_history(g.s, 3, unit, ['close', 'volume'])) == 3
    bars = get_bars(g.s, 5, unit='1d', fields=['date', 'close'], include_now=True)
    assert bars['date'][-1] == context.current_dt.date() and bars.dtype.names == ('date', 'close')
    assert bars['close'][-1] == history(1, '1m', 'close', [g.s])[g.s][-1]
    several = get_bars(g.stocks, 5, '1w', ['date', 'close'], df=True)
    assert several.index.nlevels == 2 and several.loc[g.s].shape == (5, 2)
    assert set(get_bars(g.stocks, 3, '1M', ('close',))) == set(g.stocks)
    now = get_price(g.stocks, end_date=context.current_dt, frequency='1m', fields=['close', 'high_limit'], count=1)
    assert now['close'].iloc[-1][g.s] <= now['high_limit'].iloc[-1][g.s]
    days = get_trade_days(end_date=context.previous_date, count=3)
    assert days[-1] == context.previous_date and list(get_all_trade_days()).index(days[-1]) > 1000
