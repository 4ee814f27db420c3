"""The order functions, with the outcomes that the platform's documentation states."""

from __future__ import annotations

from datetime import date

import pytest

from bullet_trade.domain.errors import StrategyError
from bullet_trade.engine.events import CallbackFailed, OrderPlaced, OrderRefused
from bullet_trade.strategy.api import NAMES
from bullet_trade.testing.days import DaysRun, run_days
from bullet_trade.testing.fake_broker import Script, ScriptedBroker, accepted, cancelled, filled, rejected, silence
from bullet_trade.testing.fake_market import FakeMarket

BANK, STAR, GROWTH, FUND, BOND = "600000.XSHG", "688981.XSHG", "300059.XSHE", "510300.XSHG", "113001.XSHG"
HALTED, INDEX = "000002.XSHE", "000300.XSHG"
DAY, NEXT = date(2025, 6, 3), date(2025, 6, 4)
NAMES_OF_CODES = {"BANK": BANK, "STAR": STAR, "GROWTH": GROWTH, "FUND": FUND, "BOND": BOND, "HALTED": HALTED}
HEAD = "from jqdata import *\n" + "".join(f"{name} = {code!r}\n" for name, code in NAMES_OF_CODES.items())


def a_market() -> FakeMarket:
    market = (
        FakeMarket().add(HALTED, {DAY: None, NEXT: 8.0}, prev_close=8.0).add(INDEX, {DAY: 4000.0}, prev_close=4000.0)
    )
    for code, price in ((BANK, 10.0), (STAR, 50.0), (GROWTH, 20.0), (FUND, 4.0), (BOND, 120.0)):
        market.add(code, {DAY: price, NEXT: price}, prev_close=price, t0=code == BOND)
    return market


def run(
    body: str,
    *,
    cash: float = 100_000,
    holdings: dict[str, int] | None = None,
    broker: ScriptedBroker | None = None,
    last: date = DAY,
    at: str = "10:00",
) -> DaysRun:
    """One task at 10:00 of each day on an account at a broker that fills everything at once at the last price."""
    if broker is None:
        broker = ScriptedBroker(cash, holdings, cost=9.0)
        broker.usual = (accepted(), filled(at=10.0))
    source = f"{HEAD}def initialize(context): run_daily(task, {at!r})\ndef task(context):\n"
    source += "    p = context.portfolio\n" + "".join(f"    {line}\n" for line in body.strip().splitlines())
    return run_days(source, a_market(), DAY, last, broker=broker.on)


def said(ran: DaysRun) -> list[str]:
    return [text for _, text in ran.recorder.said()]


def sent(ran: DaysRun) -> list[tuple[str, int]]:
    """Signed share counts as they left."""
    return [(e.order.code, e.order.amount * e.order.side) for e in ran.recorder.of(OrderPlaced)]


def refused(ran: DaysRun) -> list[str]:
    return [event.rule for event in ran.recorder.of(OrderRefused)]


class TestSizing:
    @pytest.mark.parametrize(
        ("call", "shares"),
        [
            ("order(BANK, 1000)", 1000),
            ("order(BANK, 1050)", 1000),
            ("order(BANK, 199.9)", 100),
            ("order(BANK, -300)", -300),
            ("order(BANK, -350)", -300),
            ("order(BANK, 1000, None, 'long', 0)", 1000),
            ("order(BANK, 1000, MarketOrderStyle(), 'long')", 1000),
            ("order_value(BANK, 5678)", 500),
            ("order_value(BANK, 1999.99)", 100),
            ("order_value(BANK, 1999.9999999)", 200),  # a hair below is binary noise
            ("order_value(BANK, 0.1 * 3 * 10000)", 300),  # 3000.0000000000005 in binary
            ("order_value(BANK, -2500)", -200),
            ("order_value(BANK, 9500, LimitOrderStyle(9.5))", 1000),
            ("order_target(BANK, 2000)", 1000),
            ("order_target(BANK, 650)", -300),
            ("order_target_value(BANK, 15000)", 500),
            ("order_target_value(BANK, 7300)", -200),
            ("order_target_percent(BANK, 0.2)", 1200),
            ("order(STAR, 200)", 200),
            ("order(STAR, 201)", 201),
            ("order(BOND, 15)", 10),
            ("order('600000', 100)", 100),
            ("order('600000.SH', 100)", 100),
        ],
    )
    def test_a_wish_becomes_whole_lots(self, call: str, shares: int) -> None:
        # 1,000 BANK are held at 10.00: with 100,000 in cash the account is worth 110,000.
        assert [amount for _, amount in sent(run(call, holdings={BANK: 1000}))] == [shares]

    @pytest.mark.parametrize(
        ("call", "holding", "shares"),
        [
            ("order_target(BANK, 0)", 1050, -1050),
            ("order_target(BANK, 0)", 50, -50),
            ("order_target_value(BANK, 0)", 1050, -1050),
            ("order(BANK, -1050)", 1050, -1050),
            ("order(BANK, -150)", 1050, -150),
            ("order(BANK, -170)", 1050, -150),
            ("order(BANK, -9999)", 1050, -1050),
        ],
    )
    def test_the_odd_remainder_goes_in_one_piece_with_the_sale(self, call: str, holding: int, shares: int) -> None:
        assert [amount for _, amount in sent(run(call, holdings={BANK: holding}))] == [shares]

    def test_a_purchase_is_cut_to_what_cash_allows_at_the_protection_price_with_fees(self) -> None:
        ran = run("o = order(BANK, 10000)\nlog.info('%d' % o.amount)", cash=50_000)
        # 10.15 x 4,900 = 49,735 and 14.92 + 0.50 of fees; 5,000 would need 50,750.
        assert said(ran) == ["4900"]
        (placed,) = ran.recorder.of(OrderPlaced)
        assert "50000.00" in placed.adjustments[0].replace(",", "")

    def test_a_limit_purchase_uses_its_own_price_for_the_cut(self) -> None:
        assert sent(run("order(BANK, 10000, 9.9)", cash=50_000)) == [(BANK, 5000)]

    def test_a_sale_is_cut_to_what_may_be_sold(self) -> None:
        broker = ScriptedBroker(100_000, {BANK: 1000})
        broker.usual = silence
        ran = run("order(BANK, -300, 10.5, wait_timeout=0)\norder(BANK, -1000, 10.6, wait_timeout=0)", broker=broker)
        assert sent(ran) == [(BANK, -300), (BANK, -700)]


class TestRefusals:
    @pytest.mark.parametrize(
        ("call", "rule"),
        [
            ("order(HALTED, 100)", "suspended"),
            ("order('600999.XSHG', 100)", "unknown_security"),
            ("order(BANK, 99)", "lot_size"),
            ("order(STAR, 199)", "lot_size"),
            ("order_value(BANK, 999)", "lot_size"),
            ("order(BANK, 100, 11.01)", "price_limit"),
            ("order(BANK, 100, 8.99)", "price_limit"),
            ("order(BANK, 100, 10.25)", "price_cage"),
            ("order(GROWTH, 100, 24.01)", "price_limit"),
            ("order(BANK, -100)", "sellable"),
        ],
    )
    def test_none_is_returned_and_the_rule_is_told(self, call: str, rule: str) -> None:
        ran = run(f"log.info(str({call}))")
        assert said(ran) == ["None"]
        assert refused(ran) == [rule]
        assert [row.kind for row in ran.rows].count("refused") == 1
        assert ran.recorder.of(OrderRefused)[0].text

    def test_without_cash_there_is_no_order(self) -> None:
        ran = run("log.info(str(order(BANK, 100)))", cash=1000)
        assert (said(ran), refused(ran)) == (["None"], ["available_cash"])

    @pytest.mark.parametrize(
        "call", ["order(BANK, 0)", "order_target(BANK, 0)", "order_value(BANK, 0)", "order(BANK, 0.9)"]
    )
    def test_nothing_to_trade_gives_none_and_a_warning(self, call: str) -> None:
        assert said(run(f"log.info(str({call}))")) == [f"{BANK} 委托数量为 0，没有下单", "None"]

    @pytest.mark.parametrize("style", ["MarketOrderStyle(float('nan'))", "LimitOrderStyle(float('nan'))"])
    def test_a_price_that_is_not_known_gives_none_and_a_warning(self, style: str) -> None:
        """As of ``MarketOrderStyle(get_current_data()[s].day_open)`` for a share that does not open today."""
        ran = run(f"log.info(str(order(BANK, 100, {style})))")
        assert said(ran) == [f"{BANK} 的委托价格未知（NaN），没有下单；先用 last_price 等检查行情", "None"]
        assert sent(ran) == []

    @pytest.mark.parametrize(
        ("call", "words"),
        [
            ("order(BANK, float('inf'))", "inf"),
            ("order(BANK, True)", "True"),
            ("order(BANK, 100, LimitOrderStyle(0))", "限价 0"),
            ("order(BANK, 100, style='market')", "str"),
            ("order(BANK, 100, side='short')", "short"),
            ("order(BANK, 100, pindex=1)", "pindex=1"),
            ("order('hello', 100)", "hello"),
        ],
    )
    def test_a_call_that_means_nothing_is_an_error_of_the_strategy(self, call: str, words: str) -> None:
        ran = run(call)
        (failed,) = ran.recorder.of(CallbackFailed)
        assert words in failed.error
        assert sent(ran) == []


class TestPrices:
    @pytest.mark.parametrize(
        ("call", "limit"),
        [
            ("order(BANK, 100, 9.999)", 9.99),  # never worse than asked for
            ("order(BANK, -100, 10.001)", 10.01),
            ("order(BANK, 100, 10.01)", 10.01),
            ("order(FUND, 100, 3.9995)", 3.999),
            ("order(BANK, 100, style=LimitOrderStyle(9.9))", 9.9),
            ("order(BANK, 100, LimitOrderStyle(9.9))", 9.9),
        ],
    )
    def test_a_limit_comes_to_the_tick_on_the_safe_side(self, call: str, limit: float) -> None:
        (placed,) = run(call, holdings={BANK: 1000}).recorder.of(OrderPlaced)
        assert (placed.order.limit_price, placed.order.order_type.value) == (round(limit * 10_000), "limit")

    @pytest.mark.parametrize(
        ("call", "protection"),
        [
            ("order(BANK, 100)", 10.15),
            ("order(BANK, -100)", 9.85),
            ("order(BANK, 100, style=MarketOrderStyle(10.08))", 10.08),
            ("order(BANK, 100, MarketOrderStyle(buy_price_percent=0.05))", 10.5),
            ("order(BANK, -100, MarketOrderStyle(sell_price_percent=-0.02))", 9.8),
            ("order(BANK, 100, MarketOrderStyle(buy_price_percent=0.5))", 11.0),  # the day's upper limit
            ("order(STAR, 200)", 50.75),
        ],
    )
    def test_a_market_order_carries_a_protection_price_inside_the_limits(self, call: str, protection: float) -> None:
        (placed,) = run(call, holdings={BANK: 1000}).recorder.of(OrderPlaced)
        assert placed.order.limit_price == round(protection * 10_000)


class TestSettlement:
    def test_shares_bought_today_are_sellable_tomorrow(self) -> None:
        ran = run(
            "if not p.positions:\n    order(BANK, 1000)\n"
            "log.info('%d %d' % (p.positions[BANK].total_amount, p.positions[BANK].closeable_amount))\n"
            "log.info(str(order_target(BANK, 0) is None))",
            last=NEXT,
        )
        assert said(ran) == ["1000 0", "True", "1000 1000", "False"]
        assert refused(ran) == ["sellable"]

    def test_convertible_bonds_are_sold_the_same_day(self) -> None:
        ran = run("order(BOND, 10)\norder(BOND, -10)\nlog.info(str(BOND in p.positions))")
        assert sent(ran) == [(BOND, 10), (BOND, -10)]
        assert said(ran) == ["False"]

    def test_proceeds_of_a_sale_are_usable_at_once(self) -> None:
        ran = run(
            "order_target(BANK, 0)\nlog.info('%.2f %.2f' % (p.available_cash, p.transferable_cash))\norder(BANK, 900)",
            cash=100,
            holdings={BANK: 1000},
        )
        assert said(ran) == ["10100.00 100.00"]
        assert sent(ran) == [(BANK, -1000), (BANK, 900)]


class TestOrderObject:
    def test_a_filled_order(self) -> None:
        ran = run(
            "o = order(BANK, 1000)\n"
            "s = o.status\n"
            "log.info(repr((str(s), s == OrderStatus.held, s.value, o.filled, o.amount, o.price)))\n"
            "log.info(repr((o.security, o.is_buy, o.action, o.side, o.pindex, str(o.add_time), o.commission)))\n"
            "log.info(repr((o.order_id in get_orders(), get_open_orders(), [t.amount for t in get_trades().values()])))"
        )
        assert said(ran) == [
            "('held', True, 4, 1000, 1000, 10.0)",
            f"('{BANK}', True, 'open', 'long', 0, '2025-06-03 10:00:00', 0.0)",
            "(True, {}, [1000])",
        ]

    @pytest.mark.parametrize(
        ("script", "status"),
        [
            ([accepted()], "open"),
            ([accepted(), filled(300)], "filled"),
            ([accepted(), filled()], "held"),
            ([accepted(), cancelled()], "canceled"),
            ([accepted(), filled(300), cancelled()], "canceled"),
            ([rejected()], "rejected"),
            ([accepted(), rejected()], "rejected"),
        ],
    )
    def test_the_platforms_words_for_the_state(self, script: Script, status: str) -> None:
        broker = ScriptedBroker()
        broker.answers.append(script)
        assert said(run("log.info(str(order(BANK, 1000).status))", broker=broker)) == [status]

    def test_status_members_have_the_platforms_values(self) -> None:
        ran = run("log.info(str([(s.name, s.value) for s in OrderStatus if s.value < 9]))")
        assert said(ran) == ["[('open', 0), ('filled', 1), ('canceled', 2), ('rejected', 3), ('held', 4), ('new', 8)]"]

    def test_filters_of_get_orders_combine(self) -> None:
        ran = run(
            "a, b = order(BANK, 100), order(FUND, 100)\n"
            "log.info(str(len(get_orders())))\n"
            "log.info(str(list(get_orders(order_id=str(a.order_id))) == [a.order_id]))\n"
            "log.info(str([o.security for o in get_orders(security=FUND).values()]))\n"
            "log.info(str(len(get_orders(security=FUND, status=OrderStatus.open))))"
        )
        assert said(ran) == ["2", "True", f"['{FUND}']", "0"]

    def test_orders_and_trades_of_yesterday_are_history(self) -> None:
        ran = run("order(BANK, 100)\nlog.info('%d %d' % (len(get_orders()), len(get_trades())))", last=NEXT)
        assert said(ran) == ["1 1", "1 1"]

    @pytest.mark.parametrize(
        "assignment",
        ["p.available_cash = 1", "p.positions[BANK].avg_cost = 1", "o.filled = 1", "o.status = None", "p.new = 1"],
    )
    def test_objects_of_the_engine_are_read_only(self, assignment: str) -> None:
        (failed,) = run(f"o = order(BANK, 100)\n{assignment}").recorder.of(CallbackFailed)
        assert "只读" in failed.error

    def test_a_live_order_shows_what_happened_to_it_since(self) -> None:
        broker = ScriptedBroker()
        broker.answers.extend([[accepted(), filled(at=10.0, after_s=30)], silence])
        ran = run(
            "o = order(BANK, 100, wait_timeout=0)\nlog.info(str(o.status))\n"
            "order(BANK, 100, 9.9, wait_timeout=60)\nlog.info(str(o.status))",
            broker=broker,
        )
        assert said(ran) == ["open", "held"]


class TestPositions:
    def test_iterating_while_selling_is_safe(self) -> None:
        ran = run(
            "for code in p.positions:\n    order_target(code, 0)\nlog.info(str(len(p.positions)))",
            holdings={BANK: 1000, FUND: 200, GROWTH: 300},
        )
        assert sent(ran) == [(GROWTH, -300), (FUND, -200), (BANK, -1000)]
        assert said(ran) == ["0"]

    def test_a_snapshot_keeps_what_it_showed(self) -> None:
        ran = run(
            "before = p.positions\norder_target(BANK, 0)\nlog.info('%s %s' % (BANK in before, BANK in p.positions))",
            holdings={BANK: 1000},
        )
        assert said(ran) == ["True False"]

    def test_what_is_not_held_is_an_empty_position_with_a_warning_and_no_key(self) -> None:
        ran = run("x = p.positions[FUND]\nlog.info('%r %r %r' % (x.total_amount, x.value, FUND in p.positions))")
        assert said(ran) == [f"没有持仓 {FUND}，返回空仓位", "0 0.0 False"]

    def test_get_follows_the_rules_of_a_dict(self) -> None:
        assert said(run("log.info(str(p.positions.get(FUND)))")) == ["None"]

    def test_the_attributes_of_a_position(self) -> None:
        broker = ScriptedBroker(100_000)
        broker.answers.append([filled(at=10.0, fee=5.0)])
        broker.answers.append(silence)
        ran = run(
            "if not p.positions:\n    order(BANK, 1000)\nelse:\n    order(BANK, -300, 10.5, wait_timeout=0)\n"
            "x = p.positions[BANK]\n"
            "log.info(repr((x.security, x.total_amount, x.locked_amount, x.closeable_amount, x.today_amount)))\n"
            "log.info(repr((x.price, x.value, round(x.avg_cost, 4), str(x.init_time), x.side, x.amount)))",
            broker=broker,
            last=NEXT,
        )
        assert said(ran) == [
            f"('{BANK}', 1000, 0, 0, 1000)",
            "(10.0, 10000.0, 10.005, '2025-06-03 10:00:00', 'long', 0)",
            f"('{BANK}', 700, 300, 700, 0)",
            "(10.0, 7000.0, 10.005, '2025-06-03 10:00:00', 'long', 700)",
        ]

    def test_the_account(self) -> None:
        broker = ScriptedBroker(100_000)
        broker.answers.extend([[filled(at=10.0, fee=5.0)], silence])
        ran = run(
            "order(BANK, 1000)\norder(BANK, 1000, 9.9, wait_timeout=0)\n"
            "log.info(repr((p.available_cash, p.cash, p.locked_cash, p.positions_value, p.total_value)))\n"
            "log.info(repr((p.starting_cash, p.portfolio_value, round(p.returns, 6), list(p.long_positions))))\n"
            "log.info(str(context.subportfolios[0].total_value == p.total_value))",
            broker=broker,
        )
        # The resting purchase sets aside 9,900 + 5.00 + 0.10.
        assert said(ran) == [
            "(80089.9, 80089.9, 9905.1, 10000.0, 99995.0)",
            f"(100000.0, 99995.0, 0.0, ['{BANK}'])",
            "True",
        ]

    def test_avg_cost_of_a_sale_is_the_cost_of_what_was_sold(self) -> None:
        ran = run("o = order(BANK, -100)\nlog.info('%.2f %.2f' % (o.price, o.avg_cost))", holdings={BANK: 1000})
        assert said(ran) == ["10.00 9.00"]


def test_orders_before_the_open_are_taken_and_not_waited_for() -> None:
    broker = ScriptedBroker()
    broker.usual = silence
    ran = run("log.info('%s %s' % (order(BANK, 100).status, context.current_dt.time()))", broker=broker, at="9:00")
    assert said(ran) == ["open 09:00:00"]


def test_functions_outside_a_run_say_so() -> None:
    order = NAMES["order"]
    assert callable(order)
    with pytest.raises(StrategyError, match="只能在引擎调用的策略回调里使用"):
        order(BANK, 100)


def test_a_thread_of_the_strategy_cannot_trade() -> None:
    ran = run(
        "import threading\nfound = []\n"
        "def trade():\n    try:\n        order(BANK, 100)\n"
        "    except Exception as error:\n        found.append(str(error))\n"
        "t = threading.Thread(target=trade)\nt.start()\nt.join()\nlog.info(found[0])"
    )
    assert "不要在策略自建的线程里调用" in said(ran)[0]
    assert sent(ran) == []
