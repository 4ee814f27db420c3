# ruff: noqa
# fmt: off
# 可转债：每周选低价且波动大的十只等权持有，可当日回转；用旧的 pandas 写法
from jqdata import *


def initialize(context):
    set_option('use_real_price', True)
    set_option("avoid_future_data", True)
    g.num = 8
    g.__cache = {}
    run_weekly(adjust, 1, '10:00')
    run_daily(take_profit, 'open+2h')
    run_daily(report, 'close+15m')


def candidates(context):
    bonds = get_all_securities(['conbond'], context.previous_date)
    table = pd.DataFrame(columns=['code', 'price', 'vol'])
    for code in bonds.index[:40]:
        bars = get_price(code, end_date=context.previous_date, count=20, fields=['close', 'paused'])
        if bars['paused'].sum() or isnan(bars['close'][-1]):
            continue
        vol = pd.rolling_std(bars['close'].pct_change(), 10)[-1]
        table = table.append({'code': code, 'price': bars['close'][-1], 'vol': vol}, ignore_index=True)
    table['rank'] = table['price'].rank() - table['vol'].astype(float).rank()
    return table.sort(columns='rank').ix[:, 'code'].tolist()[:g.num]


def adjust(context):
    targets = candidates(context)
    for code in context.portfolio.positions.keys():
        if code not in targets:
            order_target(code, 0)
    batch = []
    for code in targets:
        if not context.portfolio.positions.has_key(code):
            price = get_current_data()[code].last_price
            amount = int(context.portfolio.total_value / g.num * 0.95 / price / 10) * 10
            batch.append({'security': code, 'amount': amount})
    orders = batch_submit_orders(batch)
    log.info('%d 笔委托，成交 %d 笔', len(batch), len([o for o in orders if o.status == OrderStatus.held]))


def take_profit(context):
    for code, position in context.portfolio.positions.items():
        if position.price > position.avg_cost * 1.03:
            order_target_value(code, 0)


def report(context):
    print_portfolio_info(context, top_n=3)
    write_file('cb/holdings.csv', ','.join(context.portfolio.positions.keys()) + '\n', append=True)
    lines = read_file('cb/holdings.csv').decode('utf-8').splitlines()
    g.days = len(lines)
