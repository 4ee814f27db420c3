"""What every variable means, in the order in which people read about them. docs/config.md and env.live.example are made
from this table and the models that hold types and defaults."""

from __future__ import annotations

from typing import NamedTuple


class Meaning(NamedTuple):
    """One line about a variable; `example` is a value to start from where the default says nothing."""

    words: str
    example: str = ""


GROUPS: dict[str, dict[str, Meaning]] = {
    "常用": {
        "default_broker": Meaning("券商：simulator 模拟，qmt 本机 QMT，qmt-remote 远程 QMT"),
        "live_mode": Meaning("live 委托发往券商；dry_run 停在券商之前，状态另存"),
        "dry_run_fill": Meaning("dry_run 时按实时行情在纸面成交"),
        "runtime_dir": Meaning("运行目录：状态、g、流水。一个目录只给一个账户用"),
        "log_dir": Meaning("日志目录"),
        "strategy_name": Meaning("策略名，写入委托备注和日志文件名；不写就用策略文件名", "demo"),
    },
    "本机 QMT": {
        "qmt_data_path": Meaning("QMT 客户端的 userdata_mini 目录", r"C:\国金QMT交易端\userdata_mini"),
        "qmt_account_id": Meaning("资金账号", "12345678"),
        "qmt_account_type": Meaning("账号类型，只支持 stock（股票普通账户）"),
        "qmt_session_id": Meaning("会话号；不写就按策略名分配", "100001"),
        "qmt_auto_subscribe": Meaning("连接后订阅账户回报"),
        "qmt_market_orders": Meaning("市价单怎么发：market 按交易所市价，limit 按保护价限价"),
    },
    "远程 QMT（连接服务端）": {
        "qmt_server_host": Meaning("服务端地址"),
        "qmt_server_port": Meaning("服务端端口；服务端用它监听"),
        "qmt_server_token": Meaning("令牌，两端相同，服务端要求至少 16 个字符", "换成一串随机字符"),
        "qmt_server_tls_cert": Meaning("TLS 证书：客户端写了就加密；服务端写自己的证书", "server.crt"),
        "qmt_server_account_key": Meaning("用服务端的哪个账户", "main"),
        "qmt_server_sub_account": Meaning("用服务端的哪个子账户", "demo@main"),
        "qmt_server_rpc_timeout": Meaning("一个请求最多等多少秒"),
        "qmt_place_order_timeout_margin": Meaning("下单请求最多等多少秒"),
    },
    "下单": {
        "trade_max_wait_time": Meaning("order() 最多等多少秒，之后继续跟踪"),
        "market_buy_price_percent": Meaning("市价买入的保护价：最新价上浮的比例"),
        "market_sell_price_percent": Meaning("市价卖出的保护价：最新价下浮的比例，负数"),
        "stale_quote_seconds": Meaning("行情超过多少秒没有更新就不下单；0 关闭"),
        "risk_check_enabled": Meaning(
            "打开后台巡检：止损线、集中度、回撤、挂单过久、账户不一致、行情停滞，只告警，不代为下单"
        ),
        "risk_check_interval": Meaning("巡检的间隔，秒"),
        "stop_loss_ratio": Meaning("持仓亏损超过成本的百分之几就告警；0 关闭"),
        "max_drawdown_ratio": Meaning("总资产从最高点回撤百分之几就告警；0 关闭"),
        "resting_order_seconds": Meaning("委托挂多少秒未完成就告警；0 关闭"),
    },
    "风控限额（0 关闭，算法见 risk.md）": {
        "max_order_value": Meaning("单笔金额上限，元"),
        "max_daily_trade_value": Meaning("当日成交金额上限，元"),
        "max_daily_trades": Meaning("当日委托笔数上限"),
        "max_stock_count": Meaning("持仓只数上限，只限买入"),
        "max_position_ratio": Meaning("单只证券占总资产上限，百分数，只限买入"),
        "min_buy_order_value": Meaning("买入金额下限，元"),
        "max_daily_loss": Meaning("当日亏损到这个金额或百分数后不再买入", "3%"),
        "max_price_deviation": Meaning("委托价偏离最新价的上限，百分数"),
        "duplicate_order_seconds": Meaning("同样的委托至少隔多少秒"),
        "max_consecutive_rejects": Meaning("同一证券、方向连续被拒多少次后当日不再委托"),
        "risk_whitelist": Meaning("只允许买入的证券，逗号分隔", "510300.XSHG,600519"),
        "risk_blacklist": Meaning("不允许买入的证券，逗号分隔", "600519.XSHG,000001"),
        "max_daily_cancels": Meaning("当日撤单次数上限"),
        "min_cancel_interval_seconds": Meaning("两次撤单至少隔多少秒"),
        "max_cancel_per_order": Meaning("同一笔委托的撤单次数上限"),
        "max_daily_messages": Meaning("当日委托加撤单笔数上限"),
        "max_order_rate": Meaning("每秒委托加撤单笔数上限，超出的排队"),
        "daily_message_warning": Meaning("当日委托加撤单达到多少笔时提醒一次"),
    },
    "申报的资金（策略按多少钱设计）": {
        "declared_capital": Meaning("策略按多少资金设计，元；0 不检查", "100000"),
        "declared_capital_factor": Meaning("账户总资产与申报的资金相差多少倍算不符"),
        "declared_capital_action": Meaning("不符时：warn 警告，refuse 不启动"),
    },
    "模拟券商": {
        "simulator_initial_cash": Meaning("模拟账户初始资金，元"),
        "simulator_initial_positions": Meaning(
            "模拟账户初始持仓：代码:数量@成本，逗号分隔", "600519.XSHG:100@1500.00,510300.XSHG:1000"
        ),
        "simulator_report_delay": Meaning("模拟盘的回报延迟，秒"),
    },
    "日志": {
        "log_level": Meaning("屏幕显示到哪一级：debug、info、warning、error；日志文件总是全部写入"),
        "log_level_order": Meaning("委托的显示级别；不写同 LOG_LEVEL", "info"),
        "log_level_system": Meaning("系统消息的显示级别；不写同 LOG_LEVEL", "warning"),
        "log_level_strategy": Meaning("策略消息的显示级别；不写同 LOG_LEVEL", "debug"),
        "log_keep_days": Meaning("日志保留多少天；0 永久保留"),
    },
    "通知和监控": {
        "notify_urls": Meaning("通知发到哪里：渠道地址，逗号分隔", "wecombot://机器人的key"),
        "notify_events": Meaning("发哪几类，逗号分隔，或 all；不写发默认的几类"),
        "notify_quiet": Meaning("免打扰时段", "22:00-08:00"),
        "notify_quiet_alarms": Meaning("免打扰时段里告警照发"),
        "notify_interval": Meaning("同一渠道两条消息至少隔多少秒，期间的合并"),
        "notify_repeat": Meaning("同样的内容多少秒内不重发，只计数"),
        "message_key": Meaning("企业微信机器人或 Server 酱的 key（NOTIFY_URLS 的简写）"),
        "wechat_message_key": Meaning("同 MESSAGE_KEY，旧写法"),
        "metrics_port": Meaning("监控指标的端口；0 关闭", "9464"),
        "metrics_host": Meaning("监控指标的监听地址"),
    },
    "状态和流水": {
        "g_autosave_enabled": Meaning("定时保存 g"),
        "g_autosave_interval": Meaning("每隔多少秒保存 g"),
        "state_keep_days": Meaning("每天最后一代状态保留多少天"),
        "journal_sync": Meaning("流水落盘：normal 进程被杀不丢，full 断电也不丢（每笔多 0.1 毫秒以上）"),
        "journal_keep_days": Meaning("流水保留多少天，更早的移入 journal_archive"),
        "account_sync_interval": Meaning("盘中每隔多少秒与券商核对账户；0 只在收盘和有疑问时核对"),
        "bullet_trade_home": Meaning("账户锁放在它下面的 .bullet-trade/live-locks；不写用用户目录", "D:\\bullet"),
    },
    "策略的运行": {
        "event_time_out": Meaning("策略函数多少秒不返回就告警"),
        "strategy_reload": Meaning("策略文件改动后：manual 用 reload 命令换上，auto 自动换上，off 不换"),
        "daily_report": Meaning("收盘后在运行目录的 reports 里写当日报告，日结消息也用它的内容"),
        "preflight_time": Meaning("开盘前自检的时刻"),
        "preflight_blocks": Meaning("自检未通过时暂停策略"),
    },
    "交易规则和日历": {
        "rules_file": Meaning("规则覆盖文件：佣金、交易单位、T+0，格式见 rules.md", "rules.toml"),
        "holiday_file": Meaning("节假日文件，格式见 rules.md", "holidays.toml"),
        "closed_days_file": Meaning("临时休市文件，每行一个日期，每个交易日开始前重读", "closed_days.txt"),
        "calendar_conflict": Meaning("日历与数据源说法不一时：follow 按日历，refuse 按休市；09:00 都会告警"),
    },
    "数据": {
        "default_data_provider": Meaning(
            "qmt：行情取自本机 QMT（--broker qmt 总是如此）；jqdata：财务等数据取自聚宽；不写只用本地文件", "jqdata"
        ),
        "jqdata_username": Meaning("聚宽数据账号"),
        "jqdata_password": Meaning("聚宽数据密码"),
        "research_data_dir": Meaning("财务等数据的本地目录", "mydata"),
        "research_dir": Meaning("read_file、write_file 的目录"),
    },
    "服务端（bullet-trade server）": {
        "qmt_server_type": Meaning("服务端接什么：qmt 或 simulator"),
        "qmt_server_listen": Meaning("监听地址"),
        "qmt_server_tokens": Meaning("更多令牌，各有较窄的权限，写法见 qmt-server.md"),
        "qmt_server_enable_data": Meaning("提供行情"),
        "qmt_server_enable_broker": Meaning("提供交易"),
        "qmt_server_tls_key": Meaning("TLS 私钥", "server.key"),
        "qmt_server_allowlist": Meaning("允许连接的地址或网段，逗号分隔；不写不限", "10.0.0.0/24"),
        "qmt_server_max_connections": Meaning("会话数上限"),
        "qmt_server_max_subscriptions": Meaning("每个会话的订阅数上限"),
        "qmt_server_accounts": Meaning("账户：名称=账号:类型，逗号分隔", "main=12345678:stock"),
        "qmt_server_sub_accounts": Meaning(
            "子账户：名称@账户:选项=值，逗号分隔；选项 cash、limit、daily（元）、orders（笔）", "demo@main:cash=100000"
        ),
        "qmt_server_log_file": Meaning("服务端日志文件", "logs/server.log"),
        "qmt_server_log_account": Meaning("账户概览写入日志"),
        "qmt_server_access_log": Meaning("每个请求记一行"),
        "qmt_server_order_risk_enabled": Meaning("服务端也套用风控限额"),
        "qmt_server_request_timeout_seconds": Meaning("一个请求最多多少秒，不写是 60"),
        "qmt_server_request_timeout": Meaning("同上，旧写法"),
        "qmt_server_place_order_timeout_margin_seconds": Meaning("下单请求在等待之外再多给多少秒，不写是 30"),
        "qmt_server_place_order_timeout_margin": Meaning("同上，旧写法"),
        "qmt_server_data": Meaning("simulator 的行情：数据目录，或 synthetic、synthetic:种子"),
    },
}

MEANINGS: dict[str, Meaning] = {name: meaning for group in GROUPS.values() for name, meaning in group.items()}

WRITTEN = frozenset({"default_broker", "live_mode", "runtime_dir", "log_dir", "log_level"})
"""Variables that env.live.example sets; it shows the others behind a "#", with a default that holds anyway."""
