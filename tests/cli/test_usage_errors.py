"""A command line that is wrong is answered in Chinese, with cause and remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bullet_trade.cli.main import main

COMMAND = re.compile(r"bullet-trade[ -~]*")
ENGLISH = re.compile(r"[A-Za-z]+ [A-Za-z]+")
"""Two words in a row; names of options, values and files stand alone."""

MISTAKES: list[tuple[str, str, str]] = [
    ("nope", "bullet-trade 没有命令 nope", "全部写法见 bullet-trade --help"),
    ("statu", "没有命令 statu", "是否应为 status？"),
    ("state veryfy", "bullet-trade state 没有命令 veryfy", "是否应为 verify？"),
    ("risk --runtime-dir rt tset", "bullet-trade risk 没有命令 tset", "是否应为 test？"),
    ("--", "缺少命令", "bullet-trade --help"),
    ("live s.py --spee 60", "bullet-trade live 没有选项 --spee", "是否应为 --speed？"),
    ("data import a.csv --too data", "bullet-trade data import 没有选项 --too", "是否应为 --to？"),
    ("server --no-acces-log", "没有选项 --no-acces-log", "是否应为 --no-access-log？"),
    ("status --hepl", "没有选项 --hepl", "是否应为 --help？"),
    ("logs -z", "bullet-trade logs 没有选项 -z", "全部写法见 bullet-trade logs --help"),
    ("--bogus", "bullet-trade 没有选项 --bogus", "全部写法见"),
    ("status --debug", "没有选项 --debug", "全部写法见"),
    ("live", "bullet-trade live 缺少参数 策略文件.py", "例：bullet-trade live "),
    ("state replay", "缺少参数 日期", "例：bullet-trade state replay 2025-12-03"),
    ("data import a.csv", "缺少选项 --to", "例：bullet-trade data import"),
    ("live s.py --speed", "选项 --speed 缺少值", "例如 60"),
    ("risk --runtime-dir", "选项 --runtime-dir 缺少值", "--runtime-dir：运行目录"),
    ("live s.py --quiet=1", "选项 --quiet 不带值", "只写 --quiet"),
    ("live s.py more less", "bullet-trade live 多出了 more less", "有空格的内容要加引号"),
    ("state verify x", "bullet-trade state verify 多出了 x", "例：bullet-trade state verify"),
    ("live s.py --cash much", "选项 --cash 的值 'much' 无效：不是数字", "例如 100000"),
    ("live s.py --restore 1.5", "选项 --restore 的值 '1.5' 无效：不是整数", "例如 3"),
    ("server --port x", "选项 --port 的值 'x' 无效", "例如 58621"),
    ("data import a.csv --to d --kind bars", "选项 --kind 的值 'bars' 无效", "可用：bars_1m、bars_1d、"),
]


@pytest.mark.parametrize(("line", "cause", "remedy"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_each_kind_of_wrong_line_is_answered_with_cause_and_remedy(
    line: str,
    cause: str,
    remedy: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert said.err.startswith("错误 [BT_USAGE] ")
    assert cause in said.err
    assert remedy in said.err
    assert not ENGLISH.search(COMMAND.sub("", said.err).replace("more less", ""))
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("group", ["", "state", "data", "config", "notify", "service"])
def test_a_group_of_commands_alone_shows_its_page(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(group.split())
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert "用法：bullet-trade" in said.out + said.err
    assert "错误" not in said.err
