# ruff: noqa
# fmt: off
# ETF 轮动：按对数收盘价回归的年化收益乘以拟合优度排名，持有第一名
from jqdata import *
import numpy as np
import math


def initialize(context):
    set_benchmark('000300.XSHG')
    set_option('use_real_price', True)
    set_option('avoid_future_data', True)
    set_slippage(FixedSlippage(0.001))
    set_order_cost(OrderCost(open_tax=0, close_tax=0, open_commission=0.0002, close_commission=0.0002,
                             close_today_commission=0, min_commission=5), type='fund')
    log.set_level('system', 'error')
    g.etf_pool = ['518880.XSHG', '513100.XSHG', '159915.XSHE', '510180.XSHG']
    g.m_days = 25
    run_daily(trade, '9:30')


def get_rank(etf_pool):
    score_list = []
    for etf in etf_pool:
        df = attribute_history(etf, g.m_days, '1d', ['close'])
        y = df['log'] = np.log(df.close)
        x = df['num'] = np.arange(df.log.size)
        slope, intercept = np.polyfit(x, y, 1)
        annualized_returns = math.pow(math.exp(slope), 250) - 1
        r_squared = 1 - (sum((y - (slope * x + intercept)) ** 2) / ((len(y) - 1) * np.var(y, ddof=1)))
        score_list.append(annualized_returns * r_squared)
    df = pd.DataFrame(index=etf_pool, data={'score': score_list})
    df = df.sort_values(by='score', ascending=False)
    return list(df.index)


def trade(context):
    target_list = get_rank(g.etf_pool)[:1]
    for etf in list(context.portfolio.positions):
        if etf not in target_list:
            order_target_value(etf, 0)
            print('卖出', etf)
    hold_list = list(context.portfolio.positions)
    if len(hold_list) < 1:
        value = context.portfolio.available_cash / (1 - len(hold_list))
        for etf in target_list:
            if context.portfolio.positions[etf].total_amount == 0:
                order_target_value(etf, value)
