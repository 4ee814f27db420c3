# ruff: noqa - dirty on purpose, as real ones are
# fmt: off
# 分钟线：从开盘到现在、按日期取、重采样；收盘后再核对
from jqdata import *


def initialize(context):
    set_option('use_real_price', True)
    set_option('avoid_future_data', True)
    g.s = '300059.XSHE'
    run_daily(afternoon, time='14:57:00')
    run_daily(evening, 'close+5m')
    run_daily(gap, time='open+15m')


def gap(context):
    close = attribute_history(g.s, 1, '1d', ['close'])['close'][-1]
    record(高开=get_current_data()[g.s].day_open / close - 1)
    df = get_price(g.s, end_date=context.current_dt, count=20, frequency='daily', fields=['open', 'close', 'high_limit', 'low_limit', 'pre_close', 'avg', 'money', 'paused'])
    assert df.index[-1].date() == context.current_dt.date() and df['pre_close'][-1] == close
    order_target_value(g.s, context.portfolio.total_value * .5 if df.close[-1] > df['close'].mean() else 0)


def afternoon(context):
    start = context.current_dt.replace(hour=9, minute=30, second=0)
    today = get_price(g.s, start_date=start, end_date=context.current_dt, frequency='minute', fields=['high', 'low', 'volume'])
    assert today.index[0].strftime('%H:%M') == '09:31' and len(today) == 237
    two = get_price(g.s, start_date=context.previous_date, end_date=context.current_dt, frequency='1m', fields=['open', 'close', 'high', 'low', 'volume'])
    assert len(two) == 477 and len(two.loc[str(context.current_dt.date())]) == 237
    assert two.groupby(two.index.date)['volume'].sum()[context.previous_date] == attribute_history(g.s, 1)['volume'][0]
    day = two.resample('1D').agg({'open': 'first', 'close': 'last', 'high': 'max', 'low': 'min', 'volume': 'sum'})
    assert len(day.dropna()) == 2 and len(two[two.index >= context.current_dt.date()]) == 237
    assert len(two.between_time('09:31', '11:30')) == 240


def evening(context):
    today = context.current_dt.date()
    daily = get_price(g.s, end_date=today, count=2, fields=['close'])
    minutes = get_price(g.s, start_date=str(today) + ' 09:30:00', end_date=str(today) + ' 15:00:00', frequency='1m')
    assert daily.index[-1] == today and len(minutes) == 240 and minutes.close[-1] == daily.close[-1]
    assert attribute_history(g.s, 1).index[-1] == context.previous_date
