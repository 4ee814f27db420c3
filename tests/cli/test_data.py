"""`bullet-trade data` as a person or a script uses it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bullet_trade.cli.data import app
from bullet_trade.domain.errors import UsageError

DAILY = (
    "日期,开盘,最高,最低,收盘,成交量,成交额\n"
    "2025-01-03,10,10.5,9.5,10,1000,1000000\n"
    "2025-01-06,10,10.5,9.5,10,1000,1000000\n"
)


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], terminal_width=200)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "export.csv"
    path.write_text(DAILY, encoding="utf-8")
    return path


def imported(source: Path, *options: object) -> Path:
    store = source.parent / "store"
    result = run("import", source, "--to", store, "--code", "600519.SH", "--volume-unit", "lot", *options)
    assert result.exit_code == 0
    return store


class TestImport:
    def test_it_says_what_it_took_and_where_it_went(self, source):
        arguments = ("import", source, "--to", source.parent / "store", "--code", "sh600519", "--volume-unit", "lot")
        first, again = run(*arguments).output, run(*arguments).output
        assert "bars_1d：1 个文件，2 条，1 个代码，2025-01-03 至 2025-01-06" in first
        assert "新增 2 条，替换 0 条" in first
        assert "收盘→close" in first
        (report,) = json.loads(run(*arguments, "--json").output)
        assert (report["table"], report["read"], report["first"]) == ("bars_1d", 2, "2025-01-03")
        assert "新增 0 条，替换 2 条（其中 2 条内容相同）" in again

    def test_columns_may_be_named_by_hand(self, source):
        source.write_text(DAILY.replace("收盘", "Q"), encoding="utf-8")
        assert (imported(source, "--columns", "Q=close") / "bars_1d.parquet").is_file()

    @pytest.mark.parametrize("pair", ["Q", "=close", "Q="])
    def test_a_column_pair_that_is_none_is_refused(self, source, pair):
        with pytest.raises(UsageError, match="请写成 原名=标准名"):
            run("import", source, "--to", source.parent / "store", "--columns", pair)

    def test_what_cannot_be_imported_is_an_error_with_its_remedy(self, source):
        with pytest.raises(UsageError, match="请加 --volume-unit lot"):
            run("import", source, "--to", source.parent / "store", "--code", "600519.SH")


class TestCheck:
    def test_a_clean_store_ends_with_0(self, source):
        result = run("check", imported(source))
        assert result.exit_code == 0
        assert "没有发现问题" in result.output

    def test_findings_end_with_1_and_are_listed_by_code_and_days(self, source):
        source.write_text(f"{DAILY}2025-01-09,10,10.5,9.5,10.005,1000,1000000\n", encoding="utf-8")
        result = run("check", imported(source))
        assert result.exit_code == 1
        assert "bars_1d：缺交易日" in result.output
        assert "600519.XSHG  2025-01-07 至 2025-01-08" in result.output
        assert "close 10.005" in result.output
        assert "2 项问题" in result.output

    def test_json_lists_every_day(self, source):
        source.write_text(f"{DAILY}2025-01-09,10,10.5,9.5,10,1000,1000000\n", encoding="utf-8")
        result = run("check", imported(source), "--json")
        assert result.exit_code == 1
        content = json.loads(result.output)
        assert [(f["rule"], f["code"], f["day"]) for f in content["findings"]] == [
            ("missing_session", "600519.XSHG", "2025-01-07"),
            ("missing_session", "600519.XSHG", "2025-01-08"),
        ]
        assert content["tables"][1] == {
            "table": "bars_1d",
            "files": 1,
            "rows": 3,
            "codes": 1,
            "first": "2025-01-03",
            "last": "2025-01-09",
        }

    def test_a_missing_directory_is_an_error(self, tmp_path):
        with pytest.raises(UsageError, match="不存在"):
            run("check", tmp_path / "nowhere")


def test_the_commands_load_the_database_only_when_they_run():
    code = "import sys, bullet_trade.cli.data; print(sorted({'duckdb', 'numpy', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
