"""`bullet-trade rules`: a person asks what applies to a security."""

from __future__ import annotations

import json

import pytest

from bullet_trade.cli.main import main
from bullet_trade.cli.rules import OTHERS, SHARES
from bullet_trade.domain.securities import Board, Kind


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of the command."""
    with pytest.raises(SystemExit) as ended:
        main(["rules", *arguments])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def test_it_prints_lot_tick_limits_cage_settlement_fees_and_sessions(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "688981", "--date", "2025-12-01", "--prev-close", "120")
    assert code == 0
    for words in (
        "至少 200 股",
        "0.01",
        "跌停 96.00，涨停 144.00",
        "基准价 2%",
        "T+1",
        "0.05%",
        "0.001%",
        "09:15-09:20",
    ):
        assert words in out


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("600519", "上海主板"),
        ("688981", "科创板"),
        ("689009", "科创板 存托凭证"),
        ("900901", "上海 B 股"),
        ("510300.XSHG", "ETF"),
        ("113050", "可转债"),
    ],
)
def test_the_head_says_what_it_is(code: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, code, "--date", "2025-12-01")
    assert out.splitlines()[0].split("  ")[0].split(" ", 1)[1] == words


def test_every_kind_and_board_has_a_word() -> None:
    assert {*Board} <= {*SHARES, "fund", "bond", "repo", "index", "other"}
    assert {*Kind} - {*OTHERS} == {"stock", "b_share"}  # their boards tell


@pytest.mark.parametrize(
    ("arguments", "low", "high"),
    [  # hand-computed: half up to the tick
        (["600519", "--date", "2025-12-01", "--prev-close", "9.95"], 8.96, 10.95),
        (["300750", "--date", "2020-08-21", "--prev-close", "10"], 9.0, 11.0),  # the day before the reform
        (["300750", "--date", "2020-08-24", "--prev-close", "10"], 8.0, 12.0),
        (["600001", "--name", "ST甲", "--date", "2026-07-03", "--prev-close", "3.27"], 3.11, 3.43),
        (["600001", "--name", "ST甲", "--date", "2026-07-06", "--prev-close", "3.27"], 2.94, 3.6),
    ],
)
def test_limits_follow_the_rules_of_the_day(
    arguments: list[str], low: float, high: float, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, *arguments, "--json")
    assert code == 0
    assert json.loads(out)["limits"] == {"low": low, "high": high}


def test_a_new_listing_has_no_limit_for_five_days(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["603999", "--date", "2025-12-05", "--prev-close", "10", "--list-date"]
    _, fifth, _ = run(capsys, *arguments, "2025-12-01", "--json")
    _, sixth, _ = run(capsys, *arguments, "2025-11-28", "--json")
    assert json.loads(fifth)["limits"] is None
    assert json.loads(sixth)["limits"] == {"low": 9.0, "high": 11.0}


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["99"], "无法识别证券代码"),
        (["600519", "--date", "2025-13-01"], "日期 '2025-13-01' 无法识别"),
        (["600519", "--prev-close", "0"], "前收盘价 0 无效"),
        (["600519", "--rules", "none.toml"], "找不到规则文件"),
        (["600519", "--date", "2031-01-02"], "不知道 2031-01-02 是否开市"),
    ],
)
def test_a_mistake_is_named(arguments: list[str], cause: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert cause in err
