"""The data of `registry`: names by owner and status, and what a user has to know about some of them.

`jqdata` owns what ``from jqdata import *`` brings. A note says where we differ from the platform.
"""

from __future__ import annotations

TABLES: tuple[tuple[str, str, str], ...] = (
    (
        "hook",
        "SUPPORTED",
        "initialize process_initialize after_code_changed before_trading_start handle_data handle_tick "
        "after_trading_end on_strategy_end on_event",
    ),
    ("jqdata", "SUPPORTED", "run_daily run_weekly run_monthly unschedule_all"),
    (
        "jqdata",
        "SUPPORTED",
        "order order_target order_value order_target_value order_target_percent cancel_order cancel_all_orders "
        "get_open_orders get_orders get_trades batch_submit_orders batch_cancel_orders transfer_cash "
        "OrderStatus OrderStyle MarketOrderStyle LimitOrderStyle StopMarketOrderStyle StopLimitOrderStyle",
    ),
    (
        "jqdata",
        "SUPPORTED",
        "get_price history attribute_history get_bars get_current_data get_current_tick get_ticks get_call_auction",
    ),
    (
        "jqdata",
        "SUPPORTED",
        "get_security_info get_all_securities normalize_code get_split_dividend get_trade_days get_all_trade_days "
        "get_trade_day get_extras",
    ),
    (
        "jqdata",
        "SUPPORTED",
        "get_index_stocks get_index_weights get_industry get_industry_stocks get_industries get_concept "
        "get_concept_stocks get_concepts",
    ),
    (
        "jqdata",
        "PROVIDER",
        "query get_fundamentals get_fundamentals_continuously get_history_fundamentals get_valuation "
        "get_fund_info get_dominant_future get_future_contracts get_factor_values get_money_flow get_mtss "
        "get_billboard_list get_locked_shares get_margincash_stocks get_marginsec_stocks valuation indicator "
        "income balance cash_flow cashflow bank_indicator security_indicator insurance_indicator finance macro opt",
    ),
    (
        "jqdata",
        "SUPPORTED",
        "set_option set_benchmark set_order_cost set_commission set_slippage set_universe set_subportfolios "
        "OrderCost PerTrade FixedSlippage PriceRelatedSlippage StepRelatedSlippage SubPortfolioConfig "
        "disable_cache enable_profile subscribe unsubscribe unsubscribe_all",
    ),
    (
        "jqdata",
        "SUPPORTED",
        "g log record send_message send_msg set_message_handler read_file write_file print_portfolio_info "
        "prettytable_print_df",
    ),
    (
        "jqdata",
        "SUPPORTED",
        "Context Portfolio SubPortfolio Position Order Trade SecurityUnitData DividendsEvent ForcedLiquidationEvent "
        "FutureDataError",
    ),
    ("jqdata", "SUPPORTED", "datetime math np pd random time timedelta"),
    (
        "jqdata",
        "SUPPORTED",
        "array arange average corrcoef cov cumsum diff exp floor inf isnan linspace mean median nan ones polyfit power "
        "sign sqrt std var zeros defaultdict partial reduce xrange unicode "
        "basestring long",
    ),
    (
        "context",
        "SUPPORTED",
        "portfolio subportfolios current_dt previous_date previous_dt universe run_params",
    ),
    ("context.run_params", "SUPPORTED", "start_date end_date type frequency"),
    (
        "portfolio",
        "SUPPORTED",
        "positions long_positions short_positions available_cash cash total_value portfolio_value positions_value "
        "market_value starting_cash inout_cash returns daily_returns transferable_cash locked_cash margin "
        "unsell_positions subportfolios previous_total_value",
    ),
    (
        "subportfolio",
        "SUPPORTED",
        "type positions long_positions short_positions available_cash cash total_value positions_value "
        "transferable_cash locked_cash inout_cash starting_cash returns margin total_liability net_value "
        "cash_liability sec_liability interest maintenance_margin_rate available_margin is_dangerous",
    ),
    (
        "position",
        "SUPPORTED",
        "security price avg_cost acc_avg_cost hold_cost total_amount closeable_amount locked_amount today_amount "
        "amount sellable_amount value init_time transact_time side pindex buy_time last_buy_time",
    ),
    (
        "order",
        "SUPPORTED",
        "order_id security amount filled price avg_cost status is_buy action side pindex add_time order_time "
        "finish_time commission style limit_price reason",
    ),
    ("trade", "SUPPORTED", "trade_id order_id security amount price time"),
    (
        "current_data",
        "SUPPORTED",
        "last_price high_limit low_limit paused is_st day_open name industry_code pre_close start_date",
    ),
    (
        "data",
        "SUPPORTED",
        "open close high low volume money factor high_limit low_limit avg price pre_close paused security returns "
        "isnan mavg vwap stddev",
    ),
    (
        "tick",
        "SUPPORTED",
        "code datetime current open high low volume money position a1_p a1_v b1_p b1_v get last_price sid dt",
    ),
    ("security_info", "SUPPORTED", "code display_name name start_date end_date type parent"),
    (
        "set_option",
        "SUPPORTED",
        "use_real_price avoid_future_data order_volume_ratio match_with_order_book match_by_signal t0_mode "
        "always_match_market_order futures_margin_rate margincash_interest_rate margincash_margin_rate "
        "marginsec_interest_rate marginsec_margin_rate time_aliases",
    ),
    ("log", "SUPPORTED", "debug info warn warning error critical exception set_level"),
    ("jqfactor", "PROVIDER", "get_factor_values"),
    ("jqfactor", "SUPPORTED", "winsorize winsorize_med standardlize Factor"),
)

_MARGIN = "本引擎只有普通 A 股账户，没有融资融券"
_WIZARD = "向导式策略的辅助函数没有公开定义"

MISSING: dict[tuple[str, str, str], str] = {
    ("jqdata", _MARGIN, "改用 order、order_value 等普通买卖函数"): (
        "margincash_open margincash_close margincash_direct_refund marginsec_open marginsec_close "
        "marginsec_direct_refund"
    ),
    (
        "jqdata",
        "真实账户的出入金只能由本人办理",
        "回放时用 --cash 设置初始资金；子账户之间用 transfer_cash",
    ): "inout_cash",
    ("jqdata", "场外基金不能在交易所账户里申赎", "改用场内的 ETF 或 LOF"): "purchase redeem",
    ("jqdata", "研究环境的函数，策略里没有", "用 bullet-trade live --replay 运行"): "create_backtest get_backtest",
    ("jqfactor", "没有自定义因子的计算框架", "在策略里用 history 或 get_price 的数据自行计算"): "calc_factors",
    ("jqfactor", "中性化需要市值和行业的因子数据", "在策略里用 numpy.linalg.lstsq 对市值和行业做回归"): "neutralize",
    ("jqlib.optimizer", "没有组合优化器", "用 scipy.optimize 自行求解，或按波动率倒数分配权重"): (
        "portfolio_optimizer Bound MaxProfit MaxSharpeRatio MinVariance RiskParity WeightConstraint "
        "WeightEqualConstraint MaxFactorValue MinFactorValue MaxScore MinScore MinTrackingError "
        "AnnualProfitConstraint AnnualStdConstraint IndustryConstraint IndustriesConstraint MarketConstraint "
        "TurnoverConstraint"
    ),
    ("jqlib.alpha101", "没有内置 Alpha101 因子", "在策略里按公式用 get_price 的数据计算"): " ".join(
        f"alpha_{number:03d}" for number in range(1, 102)
    ),
    ("jqlib.alpha191", "没有内置 Alpha191 因子", "在策略里按公式用 get_price 的数据计算"): " ".join(
        f"alpha_{number:03d}" for number in range(1, 192)
    ),
    ("kuanke.wizard", _WIZARD, "改写成普通策略函数：用 get_current_data、order_target_value 等实现同样的判断"): (
        "get_sort_dataframe order_style sell_by_amount_or_percent_or_none judge_security_max_proportion "
        "max_buy_value_or_amount financial_data_filter_dayu financial_data_filter_xiaoyu "
        "financial_data_filter_qujian RSI_judge_qujian n_day_chg_dayu n_day_chg_xiaoyu security_stoploss "
        "portfolio_stoploss portfolio_stopprofit security_stopprofit situation_filter_xiaoyu_ma "
        "situation_filter_dayu_ma"
    ),
}
"""Names that are not supported, by owner, reason and remedy."""

_STORED = "记录下来，对 A 股账户没有作用"

NOTES: dict[tuple[str, str], str] = {
    ("hook", "after_code_changed"): "代码变化后重启时运行；首次启动时，仅当 initialize 没有登记任何定时任务才运行一次",
    ("hook", "before_trading_start"): "09:15 运行（聚宽 09:00）",
    ("hook", "after_trading_end"): "15:00 运行（聚宽 15:30）",
    ("hook", "handle_data"): "每分钟一次，09:30 到 11:29、13:00 到 14:59；没有日频",
    ("hook", "on_event"): "持仓除权除息时收到 DividendsEvent；没有强制平仓事件",
    ("hook", "on_strategy_end"): "运行正常结束时（回放结束、收到停止命令）运行",
    ("jqdata", "run_daily"): "可在任何回调里登记；写了时刻时忽略 reference_security；多一个参数 catch_up_s",
    ("jqdata", "run_weekly"): "force 默认 True；序号按完整的交易日历计算；多一个参数 catch_up_s",
    ("jqdata", "run_monthly"): "force 默认 True；序号按完整的交易日历计算；多一个参数 catch_up_s",
    ("jqdata", "order"): "等到委托结束才返回，最多 wait_timeout 秒（默认 16），到时未结束的委托继续跟踪",
    ("jqdata", "order_target_percent"): "聚宽没有此函数；占总资产的比例",
    ("jqdata", "cancel_order"): "等待撤单结果",
    ("jqdata", "batch_submit_orders"): "先检查全部参数，有一笔无效就都不下；随后逐笔下单",
    ("jqdata", "StopMarketOrderStyle"): "条件单由本引擎监视，最新价到达触发价后发出市价单，当日有效；引擎停止时不监视",
    ("jqdata", "StopLimitOrderStyle"): "条件单由本引擎监视，最新价到达触发价后发出限价单，当日有效；引擎停止时不监视",
    (
        "jqdata",
        "MarketOrderStyle",
    ): "任何股票都可以给保护价；另可用 buy_price_percent、sell_price_percent 给出占最新价的比例",
    ("jqdata", "transfer_cash"): "只在股票子账户之间划转，立即生效",
    (
        "jqdata",
        "set_subportfolios",
    ): "真实账户只有一个，子账户是引擎记的账；只有 stock 类型可以交易，其他类型只放现金",
    ("jqdata", "get_price"): "panel=True 返回同样用法的 Panel 对象，不依赖旧版 pandas",
    ("jqdata", "get_dominant_future"): "期货合约可以查询，不能交易",
    ("jqdata", "get_future_contracts"): "期货合约可以查询，不能交易",
    ("jqdata", "get_security_info"): "date 参数没有作用，返回最新状态",
    ("jqdata", "get_extras"): "is_st 只知道当前状态；净值等需要数据源",
    ("jqdata", "set_option"): "不认识的选项给出警告",
    ("jqdata", "set_benchmark"): "字典形式取权重最大的一个",
    ("jqdata", "set_order_cost"): "只影响模拟成交和费用估计；实盘费用以券商为准",
    ("jqdata", "set_slippage"): "只影响模拟成交",
    ("jqdata", "StepRelatedSlippage"): "股票按 0.01 元一跳计算",
    ("jqdata", "disable_cache"): "接受，没有作用",
    ("jqdata", "enable_profile"): "接受，没有作用",
    ("jqdata", "subscribe"): "不限数量；没有逐笔行情的数据源每分钟给一个快照",
    ("jqdata", "send_message"): "写入日志，并交给 set_message_handler 登记的函数",
    ("jqdata", "record"): "每天每个名字保留最后一个值，画在报告里",
    ("jqdata", "read_file"): "读取 RESEARCH_DIR 目录下的文件，返回 bytes",
    ("jqdata", "write_file"): "写到 RESEARCH_DIR 目录下",
    ("jqdata", "xrange"): "Python 2 的名字，等于 range",
    ("jqdata", "unicode"): "Python 2 的名字，等于 str",
    ("jqdata", "basestring"): "Python 2 的名字，等于 str",
    ("jqdata", "long"): "Python 2 的名字，等于 int",
    ("jqdata", "ForcedLiquidationEvent"): "可以引用，不会发生",
    ("context.run_params", "type"): "回放、模拟盘和实盘都是 'sim_trade'",
    ("context.run_params", "frequency"): "总是 'minute'",
    ("portfolio", "returns"): "截至上一交易日收盘的累计收益率",
    ("portfolio", "daily_returns"): "当日收益率：现在的总资产比上一交易日收盘",
    ("portfolio", "short_positions"): "总是空",
    ("position", "avg_cost"): "含买入费用",
    ("position", "price"): "最新价",
    ("order", "status"): "held 表示全部成交，filled 表示部分成交；盘前的委托是 open（聚宽是 new）",
    ("order", "order_id"): "整数",
    ("current_data", "last_price"): "09:30 之前是昨日收盘价",
    ("current_data", "day_open"): "09:25 起可用；之前和停牌时是 NaN",
    ("current_data", "is_st"): "数据源给出的当前状态",
    ("set_option", "use_real_price"): "总是按真实价格；复权以当前日期为基准",
    ("set_option", "order_volume_ratio"): "模拟成交占每分钟成交量的比例，默认 0.25",
    ("set_option", "match_with_order_book"): "记录下来；模拟交易所自行决定撮合方式",
    ("set_option", "match_by_signal"): "记录下来；模拟交易所自行决定撮合方式",
    ("set_option", "t0_mode"): "记录下来；T+1 以交易所规则为准",
    ("set_option", "always_match_market_order"): "记录下来；盘外的委托在开盘时撮合",
    ("set_option", "time_aliases"): "自定义时间词，例如 {'尾盘': '14:50'}，登记任务时解释",
    ("jqfactor", "Factor"): "可以定义子类；calc_factors 不支持",
    ("jqlib.technical_analysis", "VOL"): "单位为股",
    ("jqlib.technical_analysis", "LB"): "本周期成交量除以前 N 个周期的均量",
    ("jqlib.technical_analysis", "BOLL"): "与 Bollinger_Bands 相同",
    ("jqlib.technical_analysis", "SAR"): "参数与 TA-Lib 相同",
    ("set_option", "futures_margin_rate"): _STORED,
    ("set_option", "margincash_interest_rate"): _STORED,
    ("set_option", "margincash_margin_rate"): _STORED,
    ("set_option", "marginsec_interest_rate"): _STORED,
    ("set_option", "marginsec_margin_rate"): _STORED,
}
