# ruff: noqa
# fmt: off
# 打板：昨日首板，今日低开且未跌停时买入，次日盈利或非涨停时卖出
from jqdata import *
from jqlib.technical_analysis import *
import datetime as dt


def initialize(context):
    set_option('use_real_price', True)
    log.set_level('system', 'error')
    set_option('avoid_future_data', True)
    run_daily(get_stock_list, '9:01')
    run_daily(buy, '09:30')
    run_daily(sell, time='11:25', reference_security='000300.XSHG')
    run_daily(sell, time='14:50', reference_security='000300.XSHG')


def get_hl_stock(initial_list, date):
    df = get_price(initial_list, end_date=date, frequency='daily', fields=['close', 'high_limit'], count=1,
                   panel=False, fill_paused=False, skip_paused=False)
    df = df.dropna()
    df = df[df['close'] == df['high_limit']]
    return list(df.code)


def get_stock_list(context):
    date = context.previous_date
    days = get_trade_days(end_date=date, count=3)
    date_1, date_2 = days[-2], days[-3]
    initial_list = get_all_securities('stock', date).index.tolist()
    initial_list = [s for s in initial_list if s[0] not in ('4', '8') and s[:2] != '68'
                    and (date - get_security_info(s).start_date).days > 50]
    hl_list = get_hl_stock(initial_list, date)
    hl_before = get_hl_stock(initial_list, date_1) + get_hl_stock(initial_list, date_2)
    g.target_list = [s for s in hl_list if s not in hl_before]


def buy(context):
    current_data = get_current_data()
    if not g.target_list:
        return
    bias = BIAS(g.target_list, check_date=context.previous_date, N1=6, N2=12, N3=24)[0]
    qualified = []
    for s in g.target_list:
        pre_close = attribute_history(s, 1, '1d', fields=['close'])['close'][-1]
        ratio = current_data[s].day_open / pre_close
        if 0.95 < ratio < 1.03 and not current_data[s].paused and bias[s] < 30:
            qualified.append(s)
    if len(qualified) != 0 and context.portfolio.available_cash / context.portfolio.total_value > 0.3:
        value = context.portfolio.available_cash / len(qualified)
        for s in qualified:
            if context.portfolio.available_cash / current_data[s].last_price > 100:
                order_value(s, value, MarketOrderStyle(current_data[s].day_open * 1.01))
                print('买入' + s)


def sell(context):
    current_data = get_current_data()
    for s in list(context.portfolio.positions):
        p = context.portfolio.positions[s]
        if p.closeable_amount != 0 and current_data[s].last_price < current_data[s].high_limit:
            held = (context.current_dt - p.init_time) > dt.timedelta(hours=1)
            if held and (current_data[s].last_price > p.avg_cost or str(context.current_dt)[-8:] == '14:50:00'):
                order_target_value(s, 0)
                print('卖出', [get_security_info(s, context.current_dt).display_name, s])
