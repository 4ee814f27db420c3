"""Trades from the opening call to the closing call: each order once, whatever becomes of it."""
# ruff: noqa: F403, F405

from jqdata import *

THIN, THICK, FUND = "000001.XSHE", "600000.XSHG", "510300.XSHG"

PLAN = {
    "09:16": [("limit", THIN, 300, 1.03), ("limit", THICK, -500, 1.08)],
    "09:18": [("cancel", THICK)],
    "09:26": [("limit", FUND, 1000, 1.02)],
    "09:30": [("market", THIN, 200), ("market", THICK, -300)],
    "09:31": [("limit", THICK, 1000, 0.93), ("waited", FUND, 2000)],
    "09:33": [("cancel", THICK)],
    "09:45": [("market", THIN, 50000)],
    "10:00": [("limit", THIN, 9000, 1.01), ("market", THICK, -700)],
    "10:01": [("cancel", THIN), ("market", THICK, 100)],
    "10:02": [("limit", THICK, -1000, 0.95), ("market", FUND, 300)],
    "10:15": [("market", THIN, 100), ("market", THICK, -100), ("market", FUND, 100)],
    "10:30": [("limit", THIN, 500, 0.92), ("limit", THICK, -900, 1.07), ("market", FUND, 400)],
    "10:41": [("market", THICK, 200)],
    "10:55": [("limit", THICK, 60000, 1.005), ("market", FUND, 600)],
    "11:05": [("waited limit", THIN, 100, 0.95)],
    "11:06": [("cancel", THIN), ("market", THIN, 100)],
    "11:29": [("market", THICK, -200), ("limit", FUND, 800, 0.94)],
    "11:45": [("limit", THICK, -400, 0.99)],
    "13:00": [("market", FUND, 700), ("cancel", FUND)],
    "13:01": [("market", THIN, 100), ("market", THICK, -100)],
    "13:02": [("limit", THIN, 200, 0.93), ("market", FUND, 100)],
    "13:30": [("cancel", THIN), ("market", THIN, 9000)],
    "13:31": [("market", THICK, 300), ("market", FUND, 300)],
    "13:45": [("limit", FUND, 900000, 1.001)],
    "13:46": [("cancel", FUND), ("market", FUND, 200)],
    "14:00": [("market", THIN, 100), ("limit", FUND, 500, 1.01)],
    "14:01": [("market", THICK, -600)],
    "14:15": [("limit", THICK, -500, 1.06)],
    "14:16": [("cancel", THICK), ("market", THICK, -100)],
    "14:30": [("market", FUND, 900), ("market", THIN, 300)],
    "14:45": [("market", THICK, 400)],
    "14:50": [("market", THIN, 100), ("market", FUND, 100), ("market", THICK, -100)],
    "14:57": [("limit", THICK, -200, 0.97)],
    "14:58": [("limit", FUND, 300, 1.02)],
}


def initialize(context):
    g.wanted = g.before = g.after = 0
    for at in PLAN:
        run_daily(trade, time=at)


def before_trading_start(context):
    g.before += 1


def after_trading_end(context):
    g.after += 1


def trade(context):
    for kind, code, *rest in PLAN[context.current_dt.strftime("%H:%M")]:
        if kind == "cancel":
            for waiting in get_open_orders().values():
                if waiting.security == code:
                    cancel_order(waiting)
            continue
        g.wanted += 1
        style = None
        if len(rest) == 2:
            last = get_current_data()[code].last_price
            style = LimitOrderStyle(round(last * rest[1], 3 if code == FUND else 2))
        order(code, rest[0], style, wait_timeout=None if "waited" in kind else 0)
