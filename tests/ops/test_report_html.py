"""The report page: what it shows, that it opens offline, and that the same run gives the same bytes."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from datetime import date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.money import Money, Price, money
from bullet_trade.domain.orders import Side
from bullet_trade.domain.securities import Code
from bullet_trade.ops.performance import measure
from bullet_trade.ops.report_charts import RANGE_NAME, charts_json
from bullet_trade.ops.report_html import write_report
from bullet_trade.ops.result import DayResult, RunResult, TradeResult

FIRST = date(2024, 1, 30)
HOSTILE = "</script><img src=http://evil.example/x> & <!--"

WRITE_FROM_FILE = """
import sys
from pathlib import Path
import msgspec
from bullet_trade.ops.performance import measure
from bullet_trade.ops.report_html import write_report
from bullet_trade.ops.result import RunResult
result = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=RunResult)
write_report(result, measure(result), Path(sys.argv[2]))
"""


def _run(sessions: int = 40, **changes: object) -> RunResult:
    days = [
        DayResult(
            day=FIRST + timedelta(days=at),
            cash=money(60_000.0 + 100 * at),
            positions_value=money(40_000.0 - 150 * (at % 7)),
            fees=money(5.0),
            bought=money(1_000.0 if at % 3 else 0.0),
            sold=money(0.0),
            orders=1,
            refused=0,
            benchmark=math.nan if at == 5 else 4_000.0 + at,
        )
        for at in range(sessions)
    ]
    result = RunResult(
        strategy="双均线.py",
        broker="simulator",
        data="synthetic",
        synthetic=True,
        starting_cash=money(100_000.0),
        benchmark="000300.XSHG",
        days=days,
        trades=[_trade(Side.BUY, None), _trade(Side.SELL, money(-12.345))],
        records={"p1001": [(item.day, 1.5) for item in days], "偏离": [(item.day, 2.0) for item in days[:3]]},
        benchmark_base=3_990.0,
    )
    return msgspec.structs.replace(result, **changes)


def _trade(side: Side, profit: Money | None, name: str = "贵州茅台") -> TradeResult:
    return TradeResult(
        at=datetime(2024, 1, 31, 9, 31, 5),
        code=Code("600519.XSHG"),
        name=name,
        side=side,
        amount=300,
        price=Price(101_235),  # 10.1235 yuan
        fees=money(5.0),
        profit=profit,
    )


class _Page(HTMLParser):
    """The page as a browser would take it apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.scripts: dict[str, str] = {}
        self.words = ""
        self.style = ""
        self._inside = ""
        self._script = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        self.links += [value or "" for name, value in attrs if name in {"src", "href", "action", "data", "srcset"}]
        self._inside, self._script = tag, values.get("id") or ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[self._script] = self.scripts.get(self._script, "") + data
        elif self._inside == "style":
            self.style += data
        else:
            self.words += data


def _written(result: RunResult, path: Path) -> _Page:
    write_report(result, measure(result), path)
    return _Page(path.read_text(encoding="utf-8"))


def test_the_page_links_to_nothing_and_forbids_itself_the_network(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    page = _written(_run(), path)
    assert page.links == []
    assert "url(" not in page.style
    assert "@import" not in page.style
    assert "Content-Security-Policy\" content=\"default-src 'none';" in path.read_text(encoding="utf-8")


def test_the_same_run_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    result = _run()
    packed, here, there = tmp_path / "run", tmp_path / "here.html", tmp_path / "there.html"
    packed.write_bytes(msgspec.msgpack.encode(result))
    _written(result, tmp_path / "earlier.html")  # ids of charts must not go on counting from here
    _written(result, here)
    subprocess.run(
        [sys.executable, "-c", WRITE_FROM_FILE, str(packed), str(there)],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7", "TZ": "America/New_York"},
    )
    assert here.read_bytes() == there.read_bytes()


def test_loading_the_report_module_does_not_load_bokeh() -> None:
    code = "import sys, bullet_trade.ops.report_html; sys.exit('bokeh' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("synthetic", [True, False])
def test_only_synthetic_prices_raise_the_banner(tmp_path: Path, synthetic: bool) -> None:
    page = _written(_run(synthetic=synthetic), tmp_path / "report.html")
    assert ("合成行情 — 价格为程序生成，不是真实市场" in page.words) is synthetic


def test_the_page_shows_the_figures(tmp_path: Path) -> None:
    words = _written(_run(), tmp_path / "report.html").words
    # Last close: 60,000 + 3,900 + 40,000 - 150 * (39 % 7) = 103,300; the index went from 3,990 to 4,039.
    for text in ("双均线.py", "+3.30%", "+1.23%", "103,300.00", "2024-01-30 至 2024-03-09", "000300.XSHG"):
        assert text in words


def test_gains_are_red_and_losses_green(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    page = _written(_run(), path)
    assert '<dd class="gain">+3.30%</dd>' in path.read_text(encoding="utf-8")
    assert "--gain: #c8372d; --loss: #1b8a5a" in page.style


def test_trades_travel_as_whole_numbers_of_shares_milli_yuan_and_fen(tmp_path: Path) -> None:
    rows = json.loads(_written(_run(), tmp_path / "report.html").scripts["trades-data"])
    sale = ["2024-01-31 09:31:05", "600519.XSHG", "贵州茅台", "卖出", 300, 10_124, 303_705, 500, -1_235]
    assert rows[1] == sale  # 10.1235 yuan rounds up to 10.124; 300 of them are 3,037.05 yuan
    assert rows[0][3] == "买入"
    assert rows[0][-1] is None


def test_names_cannot_break_out_of_the_page(tmp_path: Path) -> None:
    hostile = _run(
        strategy=HOSTILE,
        broker=HOSTILE,
        data=HOSTILE,
        benchmark=HOSTILE,
        trades=[_trade(Side.SELL, money(1.0), HOSTILE)],
        records={HOSTILE: [(FIRST, 1.0), (FIRST + timedelta(days=1), 2.0)]},
    )
    page = _written(hostile, tmp_path / "report.html")
    assert "img" not in page.tags
    assert HOSTILE in page.words
    assert json.loads(page.scripts["trades-data"])[0][2] == HOSTILE
    assert HOSTILE in page.scripts["charts-data"].replace("\\u003c", "<")


def test_a_record_named_like_a_chart_id_keeps_its_name() -> None:
    assert "记录：p1001" in charts_json(_run())


def test_charts_need_no_evaluated_code() -> None:
    text = charts_json(_run())
    assert "CustomJS" not in text
    assert '"id":"p' not in text


def test_the_buttons_find_the_time_axis_by_its_name(tmp_path: Path) -> None:
    page = _written(_run(), tmp_path / "report.html")
    assert f'get_model_by_name("{RANGE_NAME}")' in page.scripts[""]
    assert f'"name":"{RANGE_NAME}"' in page.scripts["charts-data"]


def test_a_run_without_days_says_so_and_draws_nothing(tmp_path: Path) -> None:
    page = _written(_run(sessions=0, trades=[], records={}), tmp_path / "report.html")
    assert "没有完成任何交易日" in page.words
    assert "没有成交" in page.words
    assert set(page.scripts) == {""}
    assert "—" in page.words


def test_a_run_of_one_day_has_figures_but_no_curve(tmp_path: Path) -> None:
    page = _written(_run(sessions=1), tmp_path / "report.html")
    assert "charts-data" not in page.scripts
    assert "0.00%" in page.words
    assert "不足 20 个交易日" in page.words


def test_an_unknown_benchmark_is_a_dash_and_has_no_curve(tmp_path: Path) -> None:
    days = [msgspec.structs.replace(item, benchmark=math.nan) for item in _run().days]
    page = _written(_run(days=days, benchmark_base=math.nan), tmp_path / "report.html")
    assert "基准收益—" in page.words
    assert "基准 000300.XSHG" not in page.scripts["charts-data"]


def test_a_benchmark_without_a_base_is_explained(tmp_path: Path) -> None:
    assert "基准自首日收盘起算" in _written(_run(benchmark_base=math.nan), tmp_path / "report.html").words


def test_a_new_report_replaces_the_old_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "report.html"
    _written(_run(strategy="旧.py"), path)
    words = _written(_run(strategy="新.py"), path).words
    assert "新.py" in words
    assert "旧.py" not in words
    assert [entry.name for entry in path.parent.iterdir()] == ["report.html"]


def test_a_place_that_cannot_be_written_is_named_and_left_clean(tmp_path: Path) -> None:
    taken = tmp_path / "report.html"
    taken.mkdir()
    with pytest.raises(UsageError, match=r"report\.html.*换一个路径"):
        _written(_run(sessions=1), taken)
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]
    file = tmp_path / "report.html" / "file"
    file.write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match="无法写入"):
        _written(_run(sessions=1), file / "deeper" / "report.html")
