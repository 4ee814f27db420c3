# ruff: noqa - dirty on purpose, as real ones are
# fmt: off
# 全市场筛选：上市日期和日期比较、长表 groupby、pivot
from jqlib.technical_analysis import *
from jqdata import *
from datetime import datetime, timedelta
import datetime as dt


def initialize(context):
    set_option('use_real_price', True)
    set_option('order_volume_ratio', 1)
    set_order_cost(OrderCost(open_tax=0, close_tax=0.001, open_commission=0.0003, close_commission=0.0003, close_today_commission=0, min_commission=5), type='stock')
    run_weekly(main, 1, '9:31')
    run_weekly(clear, -1, time='14:50', reference_security='000300.XSHG')


def main(context):
    every = get_all_securities('stock', context.previous_date)
    stocks = every[every.start_date < context.previous_date - dt.timedelta(days=365)]
    stocks = stocks[~stocks.display_name.str.contains('ST|退')].index.tolist()
    stocks = [s for s in stocks if s.startswith(('00', '60'))][:40]
    assert (every.start_date.apply(lambda x: x < context.current_dt)).all()
    st = get_extras('is_st', stocks, start_date=context.previous_date, end_date=context.previous_date, df=True).T
    st.columns = ['is_st']
    stocks = list(st[st['is_st'] == False].index)
    df = get_price(stocks, end_date=context.previous_date, count=6, fields=['close', 'high', 'money', 'high_limit', 'paused'], panel=False, fq='pre', skip_paused=True)
    assert list(df.columns[:2]) == ['time', 'code']
    df['pct'] = df.groupby('code')['close'].pct_change()
    last = df.groupby('code').tail(1).set_index('code')
    assert len(df[df['time'] == context.previous_date]) == len(df[df.time.dt.date == context.previous_date]) > 30
    assert len(df.set_index('time').loc[context.previous_date]) > 30
    wide = df.pivot('time', 'code', 'close')
    assert wide.shape == (6, len(stocks)) and wide.iloc[-1][stocks[0]] == last.close[stocks[0]]
    assert df.mean()['close'] == df['close'].mean() and df.corr().loc['close', 'close'] == 1
    both = pd.concat([last['pct'], wide.std()], 1)
    assert both.shape[1] == 2
    zt = df[df['close'] == df['high_limit']].groupby('time').code.count()
    top = last.sort_values('pct', ascending=False).head(3)
    current_data = get_current_data()
    for s in top.index:
        if current_data[s].day_open > 0 and not current_data[s].paused:
            order_value(s, context.portfolio.available_cash / 4)
            print(s, get_security_info(s).display_name, current_data[s].name, len(zt))


def clear(context):
    for s in list(context.portfolio.positions):
        if (datetime.now() - context.portfolio.positions[s].init_time).days >= 0 or True:
            order_target_value(s, 0)
