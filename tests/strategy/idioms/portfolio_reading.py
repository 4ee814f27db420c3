# ruff: noqa - dirty on purpose, as real ones are
# fmt: off
# 持仓、委托、成交的读法：循环里下单、空仓位、类放在 g 里、子账户
from jqdata import *
from prettytable import PrettyTable
from six import string_types
import six


class Stop(object):
    def __init__(self, ratio):
        self.ratio = ratio
        self.high = {}

    def hit(self, position):
        code = position.security
        self.high[code] = max(self.high.get(code, 0), position.price)
        return position.price < self.high[code] * (1 - self.ratio)


def initialize(context):
    set_option('use_real_price', True)
    log.set_level('system', 'error')
    g.stop = Stop(0.01)
    g.__temp = 1
    context.note = {}
    for time in ['9:35', '10:30', '13:05']:
        run_daily(buy, time)
    run_daily(stop, 'every_bar')
    run_daily(report, '15:30')


def buy(context):
    for s in ['600519.XSHG', '000001.XSHE', '510300.XSHG']:
        if context.portfolio.positions[s].total_amount == 0:
            cash = context.portfolio.cash / (3 - min(2, len(context.portfolio.positions)))
            o = order_target_value(s, cash * 0.5)
            if o is not None and o.status == OrderStatus.held and o.filled == o.amount:
                context.note[s] = o.price
    assert '600000.XSHG' not in context.portfolio.positions and context.portfolio.positions.get('600000.XSHG') is None
    assert context.portfolio.positions['600000.XSHG'].avg_cost == 0
    assert '600000.XSHG' not in context.portfolio.positions.keys()


def stop(context):
    for s in context.portfolio.positions:
        p = context.portfolio.positions[s]
        if g.stop.hit(p) and p.closeable_amount > 0:
            order_target(s, 0)
            assert s not in context.portfolio.positions or get_orders(security=s)


def report(context):
    p = context.portfolio
    assert abs(p.total_value - p.positions_value - p.available_cash - p.locked_cash) < 0.01
    assert abs(sum([x.value for x in p.positions.values()]) - p.positions_value) < 0.01
    table = PrettyTable(['代码', '数量', '成本', '现价'])
    for code, pos in p.positions.items():
        assert isinstance(code, string_types) and pos.security == code and six.PY3
        table.add_row([code, pos.total_amount, round(pos.avg_cost, 3), pos.price])
        log.info(pos.side, pos.acc_avg_cost, pos.hold_cost, pos.today_amount, pos.init_time.date(), pos.transact_time)
    log.info('\n%s', table)
    for _trade in get_trades().values():
        log.info('成交记录：' + str(_trade), _trade.time, _trade.price * _trade.amount)
    for o in get_orders().values():
        assert str(o.status) == o.status.name and o.action in ('open', 'close') and o.side == 'long'
    held = pd.DataFrame({k: [v.total_amount, v.avg_cost] for k, v in p.positions.items()}, index=['n', 'cost']).T
    record(收益=p.returns * 100, 持仓=len(held), 净值=p.total_value / p.starting_cash)
    assert context.subportfolios[0].long_positions.keys() == p.long_positions.keys() and not p.short_positions
