"""Files below the research directory, messages, and what is printed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bullet_trade.engine.events import CallbackFailed
from bullet_trade.strategy.session import Session
from bullet_trade.testing.days import DaysRun, run_days
from bullet_trade.testing.fake_market import FakeMarket

CODE, DAY = "600000.XSHG", date(2025, 6, 3)


def run(body: str, root: Path, extra: str = "") -> DaysRun:
    def prepare(session: Session) -> None:
        session.research_dir = root

    market = FakeMarket().add(CODE, {DAY: 10.0}, prev_close=10.0)
    source = f"from jqdata import *\nCODE = {CODE!r}\n{extra}def initialize(context): run_daily(task, '10:00')\n"
    source += "def task(context):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    return run_days(source, market, DAY, DAY, prepare=prepare)


def said(ran: DaysRun) -> list[str]:
    assert ran.recorder.of(CallbackFailed) == []
    return [text for _, text in ran.recorder.said()]


class TestFiles:
    def test_what_was_written_is_read_as_bytes(self, tmp_path: Path) -> None:
        body = (
            "write_file('a/b.txt', '甲')\nwrite_file('a/b.txt', b'x', append=True)\nlog.info(str(read_file('a/b.txt')))"
        )
        assert said(run(body, tmp_path)) == [str("甲x".encode())]
        assert (tmp_path / "a" / "b.txt").read_text(encoding="utf-8") == "甲x"

    @pytest.mark.parametrize("path", ["../x.txt", "a/../../x.txt", "a/../../../etc/passwd"])
    @pytest.mark.parametrize("call", ["read_file({!r})", "write_file({!r}, 'x')"])
    def test_a_path_that_leads_outside_is_refused(self, path: str, call: str, tmp_path: Path) -> None:
        root = tmp_path / "root"
        root.mkdir()
        ran = run(f"try: {call.format(path)}\nexcept Exception as error: log.info(type(error).__name__)", root)
        assert said(ran) == ["StrategyError"]
        assert not (tmp_path / "x.txt").exists()

    def test_a_link_that_leads_outside_is_refused(self, tmp_path: Path) -> None:
        root = tmp_path / "root"
        root.mkdir()
        (tmp_path / "secret").write_text("s")
        try:
            (root / "link").symlink_to(tmp_path / "secret")
        except OSError:
            pytest.skip("no symbolic links here")
        ran = run("try: read_file('link')\nexcept Exception as error: log.info(type(error).__name__)", root)
        assert said(ran) == ["StrategyError"]

    def test_a_leading_slash_means_the_research_directory(self, tmp_path: Path) -> None:
        (tmp_path / "x.csv").write_bytes(b"1")
        assert said(run("log.info(str(read_file('/x.csv')))", tmp_path)) == ["b'1'"]

    def test_a_missing_file_raises(self, tmp_path: Path) -> None:
        assert said(run("try: read_file('no')\nexcept IOError as e: log.info(str(e)[:12])", tmp_path)) == [
            "研究目录里没有文件 no"
        ]


class TestMessages:
    def test_a_message_reaches_the_log_and_the_handler(self, tmp_path: Path) -> None:
        ran = run(
            "set_message_handler(mine)\nlog.info(str((send_message('你好'), send_msg('再见'), g.got)))",
            tmp_path,
            "def mine(text): g.got = getattr(g, 'got', []) + [text]\n",
        )
        assert said(ran) == ["[策略消息] 你好", "[策略消息] 再见", "(True, True, ['你好', '再见'])"]

    def test_a_handler_that_fails_stops_nothing(self, tmp_path: Path) -> None:
        ran = run("set_message_handler(mine)\nlog.info(str(send_message('x')))", tmp_path, "def mine(text): 1 / 0\n")
        assert said(ran)[1:] == ["消息处理函数出错：ZeroDivisionError: division by zero", "False"]


class TestPrinting:
    def test_the_account_and_its_positions(self, tmp_path: Path) -> None:
        texts = said(run("order(CODE, 1000)\nprint_portfolio_info(context, top_n=1)", tmp_path))
        assert texts[0].startswith("总资产 9")
        assert "持仓 1 只" in texts[0]
        assert texts[1].startswith(f"{CODE}  数量 1000  可卖 0")

    def test_a_table(self, tmp_path: Path) -> None:
        (text,) = said(run("prettytable_print_df(pd.DataFrame({'a': range(60)}), max_rows=2)", tmp_path))
        assert text.split() == ["a", "0", "1", "（共", "60", "行，只显示前", "2", "行）"]


class TestBatch:
    def test_all_are_placed(self, tmp_path: Path) -> None:
        body = (
            "b = batch_submit_orders([{'security': CODE, 'amount': 100},"
            " {'security': CODE, 'amount': 200, 'style': LimitOrderStyle(9.9)}])\n"
            "log.info(str([(o.amount, str(o.status)) for o in b]))\n"
            "log.info(str([str(o.status) for o in batch_cancel_orders([b[1], 99])]))"
        )
        assert said(run(body, tmp_path)) == ["[(100, 'held'), (200, 'open')]", "['canceled']"]

    @pytest.mark.parametrize(
        "wrong",
        ["{'security': CODE}", "{'security': 'x', 'amount': 1}", "{'security': CODE, 'amount': 1, 'sides': 1}",
         "{'security': CODE, 'amount': float('nan')}", "{'security': CODE, 'amount': 100, 'side': 'short'}"],
    )  # fmt: skip
    def test_one_that_is_wrong_keeps_all_from_leaving(self, wrong: str, tmp_path: Path) -> None:
        body = (
            f"try: batch_submit_orders([{{'security': CODE, 'amount': 100}}, {wrong}])\n"
            "except Exception as error: log.info(type(error).__name__)\nlog.info(str(len(get_orders())))"
        )
        assert said(run(body, tmp_path)) == ["StrategyError", "0"]
