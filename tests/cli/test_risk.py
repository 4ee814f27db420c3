"""`bullet-trade risk` and `bullet-trade risk test` as a person uses them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bullet_trade.cli.main import main
from bullet_trade.domain.money import money, price
from bullet_trade.domain.orders import Order, OrderId, OrderType, Side
from bullet_trade.domain.reports import AccountSnapshot, Filled, HoldingRow
from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import WallClock
from bullet_trade.engine.intent import Intent
from bullet_trade.ops.settings import Settings
from bullet_trade.store.journal import SqliteJournal

HEADING = "代码,方向,数量,价格\n"


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to work in, and no variable of ours."""
    monkeypatch.chdir(tmp_path)
    for name in (*Settings.model_fields, "bt_env_file"):
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)
    return tmp_path


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command: exit code, standard output and standard error."""

    def command(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["risk", *arguments])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return command


def a_journal(at: datetime) -> None:
    """A day with one filled purchase of 30,000 yuan, one open sale of 10,000, and one refusal."""
    Path("runtime").mkdir()
    journal = SqliteJournal(Path("runtime/journal.db"))
    journal.append(at, "day", {"day": at.date().isoformat()})
    holding = HoldingRow(Code("000001.XSHE"), 2_000, 2_000, price(10))
    journal.append(at, "account", AccountSnapshot(at, money(300_000), money(0), (holding,)))
    for number, code, side, amount in ((1, "600519.XSHG", Side.BUY, 3_000), (2, "000001.XSHE", Side.SELL, 1_000)):
        order = Order(
            order_id=OrderId(number),
            parent_id=OrderId(number),
            tag=f"bt:s:{number}",
            code=Code(code),
            side=side,
            amount=amount,
            order_type=OrderType.LIMIT,
            limit_price=price(10),
            created_at=at,
            reference_price=price(10),
        )
        journal.append(at, "intent", Intent.of(order, amount, money(30_000) if side is Side.BUY else money(0), ()))
    journal.append(at, "report", Filled("bt:s:1", "T1", 3_000, price(10), at, money(0)))
    journal.append(at, "refused", {"code": "000001.XSHE", "rule": "max_order_value"})
    journal.append(at, "cancel", {"order_id": 2, "tag": "bt:s:2"})
    journal.close()


def lines(out: str) -> dict[str, dict[str, object]]:
    return {line["name"]: line for line in json.loads(out)["limits"]}


def test_limits_are_shown_with_what_today_has_used(run: Run) -> None:
    a_journal(WallClock().now())
    code, out, err = run("--json")
    assert (code, err) == (0, "")
    shown = lines(out)
    used = {name: (line["used"], line["left"]) for name, line in shown.items() if line["left"] is not None}
    assert used == {
        "max_daily_trade_value": (40_000, 460_000),
        "max_daily_trades": (2, 98),
        "max_stock_count": (2, 18),
        "max_daily_messages": (3, 14_997),
        "max_order_rate": (3, 47),
        "daily_message_warning": (3, 9_997),
    }
    assert shown["max_order_value"]["limit"] == "100,000 元"
    assert json.loads(out)["refusals"] == {"max_order_value": 1}


def test_yesterdays_use_is_not_todays(run: Run) -> None:
    a_journal(WallClock().now() - timedelta(days=1))
    _, out, _ = run("--json")
    assert lines(out)["max_daily_trades"]["used"] == 0
    assert lines(out)["max_daily_trade_value"]["used"] == 10_000  # the sale that may still be alive
    assert json.loads(out)["refusals"] == {}


def test_the_table_fits_a_terminal_and_names_every_variable(run: Run) -> None:
    a_journal(WallClock().now())
    code, out, _ = run()
    assert code == 0
    assert "当日委托笔数" in out
    assert "MIN_CANCEL_INTERVAL_SECONDS" in out
    assert "今日拒绝  max_order_value 1" in out


def test_without_a_journal_nothing_is_used(run: Run) -> None:
    code, out, _ = run("--json")
    assert code == 0
    assert lines(out)["max_daily_trades"]["used"] == 0


def test_a_damaged_journal_is_an_error_of_state(run: Run) -> None:
    Path("runtime").mkdir()
    Path("runtime/journal.db").write_bytes(b"not a database at all, but long enough to look like one" * 20)
    code, _, err = run()
    assert code == 3
    assert "无法读取流水文件" in err


PASSING = "600519,买入,100,500\n000001.XSHE,卖出,100,10\n"
TOO_LARGE = "600519,买入,100,1500\n"


def test_orders_that_all_pass_end_with_0(run: Run) -> None:
    Path("o.csv").write_text(HEADING + PASSING, encoding="utf-8")
    code, out, err = run("test", "o.csv", "--cash", "500000", "--positions", "000001.XSHE:1000@10")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "第 2 行 买入 600519.XSHG 100 股 500.00  通过",
        "第 3 行 卖出 000001.XSHE 100 股 10.00  通过",
    ]


def test_one_refused_order_ends_with_1_and_its_reason(run: Run) -> None:
    Path("o.csv").write_text(HEADING + PASSING + TOO_LARGE, encoding="utf-8")
    code, out, _ = run("test", "o.csv", "--cash", "500000")
    assert code == 1
    assert "第 4 行 买入 600519.XSHG 100 股 1500.00  拒绝" in out
    assert "规则 max_order_value" in out


def test_orders_that_pass_count_for_those_that_follow(run: Run) -> None:
    Path(".env").write_text("MAX_DAILY_TRADE_VALUE=120000\n", encoding="utf-8")
    Path("o.csv").write_text(HEADING + "600519,买入,100,500\n" * 3, encoding="utf-8")
    code, out, _ = run("test", "o.csv", "--cash", "1000000", "--json")
    assert code == 1
    assert [(row["passed"], row["rule"]) for row in json.loads(out)] == [
        (True, None),
        (True, None),
        (False, "max_daily_trade_value"),
    ]


def test_without_figures_the_account_of_the_journal_is_used(run: Run) -> None:
    """30,000 done and 10,000 open leave 60,000 of 100,000."""
    a_journal(WallClock().now())
    Path(".env").write_text("MAX_DAILY_TRADE_VALUE=100000\nMAX_POSITION_RATIO=0\n", encoding="utf-8")
    Path("o.csv").write_text(HEADING + "600519,买入,6000,10\n600519,买入,100,10\n", encoding="utf-8")
    code, out, _ = run("test", "o.csv", "--json")
    assert code == 1
    assert [row["rule"] for row in json.loads(out)] == [None, "max_daily_trade_value"]


def test_an_order_beyond_the_exchanges_largest_counts_its_parts(run: Run) -> None:
    Path(".env").write_text("MAX_DAILY_TRADES=1\nMAX_ORDER_VALUE=0\nMAX_DAILY_TRADE_VALUE=0\n", encoding="utf-8")
    Path("o.csv").write_text(HEADING + "600010,买入,1500000,1\n", encoding="utf-8")
    code, out, _ = run("test", "o.csv", "--cash", "100000000", "--json")
    assert (code, json.loads(out)[0]["rule"]) == (1, "max_daily_trades")


def test_limits_that_need_quotes_are_named(run: Run) -> None:
    Path(".env").write_text("MAX_DAILY_LOSS=3%\n", encoding="utf-8")
    Path("o.csv").write_text(HEADING + PASSING, encoding="utf-8")
    code, out, _ = run("test", "o.csv", "--cash", "500000")
    assert code == 0
    assert "未检查（需要行情）：MAX_DAILY_LOSS" in out


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
@pytest.mark.parametrize(
    "text",
    [
        "证券代码,买卖,委托数量,委托价格\nsh600519,买,100,500\n",
        "code,side,amount,price\n600519.XSHG,buy,100,500\n",
        "Price,Amount,Side,Code,备注\n500.00,100,B,600519.SH,x\n\n",
        '代码,方向,数量,价格\n600519,1,"100",500\n',
    ],
)
def test_headings_and_encodings_of_spreadsheets_are_read(run: Run, text: str, encoding: str) -> None:
    Path("o.csv").write_bytes(text.encode(encoding))
    code, out, _ = run("test", "o.csv", "--cash", "500000")
    assert (code, "买入 600519.XSHG 100 股 500.00  通过" in out) == (0, True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HEADING, "没有委托"),
        ("代码,方向,数量\n600519,买入,100\n", "表头缺少 price"),
        (HEADING + "茅台,买入,100,500\n", "第 2 行的代码有误"),
        (HEADING + "600519,观望,100,500\n", "第 2 行的方向 '观望' 无法识别"),
        (HEADING + "600519,买入,1.5,500\n", "第 2 行的数量 '1.5' 不是整数"),
        (HEADING + "600519,买入,-100,500\n", "第 2 行的数量 '-100' 无效"),
        (HEADING + "600519,买入,100,\n", "第 2 行的价格 '' 无效"),
        (HEADING + "600519,买入,100,nan\n", "第 2 行的价格 'nan' 无效"),
    ],
)
def test_a_list_that_cannot_be_read_ends_with_2(run: Run, content: str, said: str) -> None:
    Path("o.csv").write_text(content, encoding="utf-8")
    code, _, err = run("test", "o.csv", "--cash", "500000")
    assert code == 2
    assert said in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.csv", "--cash", "1"], "无法读取 none.csv"),
        (["o.csv", "--cash", "-1"], "现金 -1 无效"),
        (["o.csv"], "runtime 的流水里没有账户。加 --cash 500000"),
        (["o.csv", "--positions", "600519"], "--positions 中的 '600519' 无效"),
    ],
)
def test_wrong_arguments_end_with_2(run: Run, arguments: list[str], said: str) -> None:
    Path("o.csv").write_text(HEADING + PASSING, encoding="utf-8")
    code, _, err = run("test", *arguments)
    assert code == 2
    assert said in err
