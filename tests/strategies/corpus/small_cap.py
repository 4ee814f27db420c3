# ruff: noqa
# fmt: off
# 小市值（只用价格：以成交额最小代替市值最小），周初调仓，尾盘看涨停是否打开
from jqdata import *
from jqfactor import *


def initialize(context):
    set_benchmark('399101.XSHE')
    set_option('use_real_price', True)
    set_option('avoid_future_data', True)
    set_order_cost(OrderCost(close_tax=0.001, open_commission=0.0003, close_commission=0.0003, min_commission=5), type='stock')
    log.set_level('order', 'error')
    g.stock_num = 5
    g.hold_list = []
    g.yesterday_HL_list = []
    run_daily(prepare_stock_list, time='9:05', reference_security='000300.XSHG')
    run_weekly(weekly_adjustment, weekday=1, time='9:30', reference_security='000300.XSHG')
    run_daily(check_limit_up, time='14:00', reference_security='000300.XSHG')
    run_daily(print_position_info, time='15:10', reference_security='000300.XSHG')


def prepare_stock_list(context):
    g.hold_list = []
    for position in list(context.portfolio.positions.values()):
        g.hold_list.append(position.security)
    if g.hold_list != []:
        df = get_price(g.hold_list, end_date=context.previous_date, frequency='daily', fields=['close', 'high_limit'],
                       count=1, panel=False, fill_paused=False)
        g.yesterday_HL_list = list(df[df['close'] == df['high_limit']].code)
    else:
        g.yesterday_HL_list = []


def filter_stocks(context, stocks):
    current_data = get_current_data()
    return [s for s in stocks if not (current_data[s].paused or current_data[s].is_st or 'ST' in current_data[s].name
                                      or '退' in current_data[s].name or s.startswith(('68', '4', '8', '30')))]


def get_stock_list(context):
    yesterday = context.previous_date
    stocks = get_all_securities('stock', yesterday).index.tolist()
    stocks = [s for s in stocks if yesterday - get_security_info(s).start_date > datetime.timedelta(days=375)]
    stocks = filter_stocks(context, stocks)[:120]
    money = history(20, '1d', 'money', stocks).mean().sort_values()
    return standardlize(money).index.tolist()


def weekly_adjustment(context):
    target_list = get_stock_list(context)[:g.stock_num]
    last_prices = history(1, unit='1m', field='close', security_list=target_list)
    current_data = get_current_data()
    target_list = [s for s in target_list if s in context.portfolio.positions.keys()
                   or last_prices[s][-1] < current_data[s].high_limit]
    for stock in g.hold_list:
        if stock not in target_list and stock not in g.yesterday_HL_list:
            close_position(context.portfolio.positions[stock])
    position_count = len(context.portfolio.positions)
    if len(target_list) > position_count:
        value = context.portfolio.cash / (len(target_list) - position_count)
        for stock in target_list:
            if context.portfolio.positions[stock].total_amount == 0:
                if open_position(stock, value):
                    if len(context.portfolio.positions) == len(target_list):
                        break


def check_limit_up(context):
    now_time = context.current_dt
    for stock in g.yesterday_HL_list:
        current = get_price(stock, end_date=now_time, frequency='1m', fields=['close', 'high_limit'], skip_paused=False,
                            fq='pre', count=1, panel=False, fill_paused=True)
        if current.iloc[0, 0] < current.iloc[0, 1]:
            close_position(context.portfolio.positions[stock])


def open_position(security, value):
    order = order_target_value(security, value)
    return order is not None and order.filled > 0


def close_position(position):
    order = order_target_value(position.security, 0)
    return order is not None and order.status == OrderStatus.held and order.filled == order.amount


def print_position_info(context):
    for position in list(context.portfolio.positions.values()):
        print('代码:{} 成本价:{:.2f} 现价:{} 持仓(股):{} 市值:{:.2f}'.format(
            position.security, position.avg_cost, position.price, position.total_amount, position.value))
