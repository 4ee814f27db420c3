"""What the check finds in strategy files of every age."""

from __future__ import annotations

from pathlib import Path

import pytest

from bullet_trade.domain.errors import UsageError
from bullet_trade.ops.strategy_check import Checked, check_strategy


def check(source: str, folder: Path, encoding: str = "utf-8") -> Checked:
    file = folder / "s.py"
    file.write_text(source, encoding=encoding)
    return check_strategy(file)


def names(checked: Checked) -> dict[str, tuple[str, list[int]]]:
    return {used.name: (used.status, used.lines) for used in checked.names}


class TestNames:
    def test_each_with_its_status_and_lines(self, tmp_path: Path) -> None:
        found = check(
            "from jqdata import *\n"
            "def initialize(context):\n"
            "    set_option('use_real_price', True); set_option('futures_margin_rate.IF', 0.1)\n"
            "    g.x = context.portfolio.total_value\n"
            "    log.info(get_fundamentals(query(valuation.code)))\n"
            "    margincash_open('600000.XSHG', 100)\n"
            "    log.info(context.portfolio.no_such_thing)\n",
            tmp_path,
        )
        assert names(found) == {
            "margincash_open": ("不支持", [6]),
            "portfolio.no_such_thing": ("不支持", [7]),
            "get_fundamentals": ("需要数据源", [5]),
            "query": ("需要数据源", [5]),
            "valuation": ("需要数据源", [5]),
            "context.portfolio": ("支持", [4, 7]),
            "def initialize": ("支持", [2]),
            "g": ("支持", [4]),
            "log": ("支持", [5, 7]),
            "log.info": ("支持", [5, 7]),
            "portfolio.total_value": ("支持", [4]),
            "set_option": ("支持", [3]),
            "set_option('futures_margin_rate')": ("支持", [3]),
            "set_option('use_real_price')": ("支持", [3]),
        }
        assert not found.runs

    def test_a_name_that_the_file_defines_is_its_own(self, tmp_path: Path) -> None:
        found = check("def order(a): return a\ndef initialize(context):\n    order(1)\n", tmp_path)
        assert "order" not in names(found)

    @pytest.mark.parametrize(
        "source",
        [
            "from jqlib.technical_analysis import *\nx = MACD('600000.XSHG', None)\n",
            "from jqlib.technical_analysis import MACD\nx = MACD('600000.XSHG', None)\n",
            "import jqlib.technical_analysis as ta\nx = ta.MACD('600000.XSHG', None)\n",
            "import jqlib.technical_analysis\nx = jqlib.technical_analysis.MACD('600000.XSHG', None)\n",
        ],
    )
    def test_library_names_are_found_however_they_were_imported(self, source: str, tmp_path: Path) -> None:
        assert names(check(source, tmp_path))["jqlib.technical_analysis.MACD"] == ("支持", [2])

    def test_an_import_that_is_not_used_needs_nothing(self, tmp_path: Path) -> None:
        assert check("from jqlib.optimizer import *\nfrom jqfactor import *\n", tmp_path).runs

    def test_a_module_that_is_not_installed(self, tmp_path: Path) -> None:
        found = check("import math\nimport nobody_has_this.part\n", tmp_path)
        assert (found.missing, found.runs) == ({"nobody_has_this": 2}, False)

    def test_an_option_that_nobody_knows_is_no_obstacle(self, tmp_path: Path) -> None:
        found = check("def initialize(context): set_option('of_nobody', 1)\n", tmp_path)
        assert names(found)["set_option('of_nobody')"] == ("支持", [1])
        assert found.runs

    @pytest.mark.parametrize(
        ("line", "name", "status"),
        [
            ("SubPortfolioConfig(cash=1, type='index_futures')", "SubPortfolioConfig(type='index_futures')", "不支持"),
            ("SubPortfolioConfig(1, 'stock')", None, None),
            ("order_target('IF9999.CCFX', 0, side='short')", "order_target(side='short')", "不支持"),
            ("order('600000.XSHG', 100, side='long')", None, None),
            ("get_extras('unit_net_value', x, end_date=d, count=1)", "get_extras(info='unit_net_value')", "需要数据源"),
            ("get_extras('is_st', x, end_date=d, count=1)", None, None),
        ],
    )
    def test_arguments_with_which_a_function_does_not_just_work(
        self, line: str, name: str | None, status: str | None, tmp_path: Path
    ) -> None:
        found = names(check(f"def f(context): {line}\n", tmp_path))
        told = {key: value for key, value in found.items() if "(" in key and "=" in key}
        assert told == ({name: (status, [1])} if name else {})

    def test_a_module_beside_the_strategy_is_not_missing(self, tmp_path: Path) -> None:
        (tmp_path / "my_lib.py").write_text("")
        assert check("import my_lib\n", tmp_path).runs


class TestPython2:
    @pytest.mark.parametrize(
        ("line", "what"),
        [
            ("print 'a', b", "print 语句"),
            ("print", "print 语句"),
            ("try: pass\nexcept ValueError, e: pass", "except X, e"),
            ("raise ValueError, 'no'", "raise X, '说明'"),
            ("if 1 <> 2: pass", "<> 运算符"),
            ("x = 0777", "八进制写法 0777"),
            ("x = 10L", "长整数写法 1L"),
            ("exec 'a = 1'", "exec 语句"),
            ("x = `1`", "反引号"),
        ],
    )
    def test_is_found_with_its_line(self, line: str, what: str, tmp_path: Path) -> None:
        found = check(f"import math\n{line}\nprint 'x'\n" if line != "print" else "x = 1\nprint\nprint 'x'\n", tmp_path)
        assert found.python_2
        assert not found.runs
        assert what in {idiom.what for idiom in found.idioms if idiom.line in (2, 3)}

    def test_names_are_found_all_the_same(self, tmp_path: Path) -> None:
        found = check("def initialize(context):\n    print 'x'\n    run_daily(f, 'open')\n", tmp_path)
        assert names(found)["run_daily"] == ("支持", [3])

    def test_what_stands_in_comments_and_texts_is_nothing(self, tmp_path: Path) -> None:
        found = check('x = "print a"  # print b\n"""\nprint c\ndf.ix[1]\n"""\n', tmp_path)
        assert (found.python_2, found.idioms, found.runs) == (False, [], True)


class TestOldLibraries:
    @pytest.mark.parametrize(
        ("line", "works"),
        [
            ("a = df.ix[0, 'x']", True),
            ("df = df.append(row)", True),
            ("m = pd.rolling_mean(x, 5)", True),
            ("df.sort(columns='a')", True),
            ("x = np.NaN", True),
            ("for i in xrange(3): pass", True),
            ("if context.portfolio.positions.has_key(s): pass", True),
            ("if d.has_key(s): pass", False),
            ("p = pd.Panel({})", True),
            ("for k, v in df.iteritems(): pass", True),
            ("m = pd.expanding_max(x)", True),
            ("t = pd.datetime.now()", True),
            ("x = pd.ols(y=a, x=b)", False),
            ("import re, StringIO", False),
            ("import urllib2", False),
        ],
    )
    def test_each_says_whether_it_runs(self, line: str, works: bool, tmp_path: Path) -> None:
        (idiom,) = check(f"\n{line}\n", tmp_path).idioms
        assert (idiom.line, idiom.works) == (2, works)

    @pytest.mark.parametrize(
        "line",
        [
            "a.append(1)",
            "a.sort()",
            "a.sort(key=f)",
            "np.float64(1)",
            "x = pd.DataFrame()",
            "from io import StringIO",
            "page.select('a')",
        ],
    )
    def test_what_is_not_old_is_not_found(self, line: str, tmp_path: Path) -> None:
        assert check(f"{line}\n", tmp_path).idioms == []


def test_a_file_in_gb18030_is_read(tmp_path: Path) -> None:
    assert check("# 中文\nrun_daily(f, 'open')\n", tmp_path, "gb18030").runs


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no\.py"):
        check_strategy(tmp_path / "no.py")


def test_pairs_of_what_the_file_makes_a_dictionary_must_be_rewritten(tmp_path: Path) -> None:
    (idiom,) = check("d = {}\nfor k, v in d.iteritems(): pass\n", tmp_path).idioms
    assert (idiom.line, idiom.works) == (2, False)
