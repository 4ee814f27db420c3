"""What a strategy file finds: by star import, by explicit import, and without any."""

from __future__ import annotations

import datetime
import importlib
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bullet_trade.domain.errors import StrategyError
from bullet_trade.engine.events import CallbackFailed
from bullet_trade.engine.host import how_to_install
from bullet_trade.ops.api_page import TITLES, api_page
from bullet_trade.strategy import registry
from bullet_trade.strategy.api import NAMES, PER_RUN, default_namespace
from bullet_trade.strategy.registry import Status
from bullet_trade.strategy.registry_tables import NOTES
from bullet_trade.testing.days import DaysRun, run_days
from bullet_trade.testing.fake_market import FakeMarket

DAY = date(2025, 6, 3)
MODULES = [
    "jqdata",
    "jqfactor",
    "jqlib.technical_analysis",
    "jqlib.optimizer",
    "jqlib.alpha101",
    "jqlib.alpha191",
    "kuanke.wizard",
    "kuanke.user_space_api",
]


def run(source: str) -> DaysRun:
    return run_days(source, FakeMarket().add("600000.XSHG", {DAY: 10.0}, prev_close=10.0), DAY, DAY)


class TestRegistry:
    def test_every_bound_name_stands_in_it_and_every_name_of_it_is_bound(self) -> None:
        bound = set(default_namespace()) | set(PER_RUN)
        assert set(registry.of("jqdata")) == bound

    def test_what_is_called_supported_is_no_stand_in(self) -> None:
        for name in registry.of("jqdata"):
            entry = registry.find("jqdata", name)
            assert entry is not None
            missing = isinstance(NAMES.get(name), registry.Unsupported)
            assert missing is (entry.status is Status.UNSUPPORTED), name

    @pytest.mark.parametrize("owner", [name for name in MODULES if name not in ("jqdata", "kuanke.user_space_api")])
    def test_the_modules_bring_just_what_it_lists(self, owner: str) -> None:
        assert set(importlib.import_module(owner).__all__) == set(registry.of(owner))

    def test_every_owner_has_a_place_on_the_page(self) -> None:
        assert {entry.owner for entry in registry.entries()} == set(TITLES)

    def test_no_name_stands_in_it_twice(self) -> None:
        keys = [(entry.owner, entry.name) for entry in registry.entries()]
        assert len(keys) == len(set(keys))

    def test_every_note_belongs_to_a_name(self) -> None:
        assert set(NOTES) <= {(entry.owner, entry.name) for entry in registry.entries()}

    def test_the_page_in_the_docs_is_the_one_it_makes(self) -> None:
        page = Path(__file__).resolve().parents[2] / "docs" / "api.md"
        assert page.read_text(encoding="utf-8") == api_page(), "python -m bullet_trade.ops.api_page docs/api.md"


class TestImports:
    @pytest.mark.parametrize("module", MODULES)
    def test_a_star_import_succeeds(self, module: str) -> None:
        assert run(f"from {module} import *\ndef initialize(context): g.a = 1\n").session.g.a == 1

    @pytest.mark.parametrize("module", MODULES)
    def test_an_unknown_name_can_be_imported_and_fails_with_its_name_when_it_is_called(self, module: str) -> None:
        names: dict[str, object] = {}
        exec(f"from {module} import of_nobody", names)
        with pytest.raises(StrategyError, match="of_nobody"):
            names["of_nobody"]()  # type: ignore[operator]

    @pytest.mark.parametrize(
        ("module", "name", "remedy"),
        [
            ("jqdata", "margincash_open", "order_value"),
            ("jqdata", "inout_cash", "transfer_cash"),
            ("jqlib.optimizer", "portfolio_optimizer", "scipy.optimize"),
            ("jqlib.alpha101", "alpha_001", "get_price"),
            ("kuanke.wizard", "order_style", "order_target_value"),
            ("jqfactor", "calc_factors", "history"),
        ],
    )
    def test_an_unsupported_name_says_what_to_do_when_it_is_called(self, module: str, name: str, remedy: str) -> None:
        function = getattr(importlib.import_module(module), name)
        with pytest.raises(StrategyError) as caught:
            function("600000.XSHG", 100)
        assert name in str(caught.value)
        assert remedy in caught.value.remedy

    def test_jqdata_is_a_module_too(self) -> None:
        ran = run(
            "import jqdata\n"
            "def initialize(context):\n    jqdata.run_daily(task, '10:00')\n    jqdata.g.a = 1\n"
            "def task(context):\n    jqdata.log.info(str((len(jqdata.get_all_trade_days()) > 1000, g.a)))\n"
        )
        assert [text for _, text in ran.recorder.said()] == ["(True, 1)"]

    def test_user_space_api_is_the_same(self) -> None:
        ran = run(
            "from kuanke.user_space_api import *\n"
            "def initialize(context):\n    g.a = 2\n    log.info(str((g.a, order is get_price, OrderCost is None)))\n"
        )
        assert [text for _, text in ran.recorder.said()] == ["(2, False, False)"]


class TestWithoutAnyImport:
    def test_modules_and_numpy_words_are_there(self) -> None:
        names = default_namespace()
        assert (names["datetime"], names["pd"], names["np"]) == (datetime, pd, np)
        assert (names["timedelta"], names["isnan"], names["mean"]) == (datetime.timedelta, np.isnan, np.mean)

    def test_sum_any_and_all_stay_pythons(self) -> None:
        ran = run(
            "from jqdata import *\n"
            "def initialize(context):\n"
            "    d = {1: 2, 3: 4}\n"
            "    log.info(str((sum(d.values()), any(x > 9 for x in d), all(x > 0 for x in d))))\n"
            "    log.info(str((isnan(nan), len(zeros(3)))))\n"
        )
        assert [text for _, text in ran.recorder.said()] == ["(6, False, True)", "(np.True_, 3)"]

    def test_a_star_import_does_not_replace_what_was_taken_from_math(self) -> None:
        ran = run(
            "from math import floor\nfrom jqdata import *\n"
            "def initialize(context):\n    log.info(str(list(range(floor(2.5)))))\n"
        )
        assert [text for _, text in ran.recorder.said()] == ["[0, 1]"]

    def test_a_star_import_does_not_replace_what_was_taken_from_datetime_as_time(self) -> None:
        ran = run(
            "from datetime import time\nfrom jqdata import *\n"
            "def initialize(context):\n    log.info(str((time(9, 30), random.random() < 1)))\n"
        )
        assert [text for _, text in ran.recorder.said()] == ["(datetime.time(9, 30), True)"]

    def test_a_module_of_the_optional_part_is_installed_with_it(self) -> None:
        assert how_to_install("sklearn.linear_model") == 'pip install "bullet-trade[analysis]"'

    def test_a_module_that_is_not_installed_is_named_with_what_to_do(self) -> None:
        with pytest.raises(StrategyError, match=r"of_nobody_at_all.*pip install of_nobody_at_all"):
            run("import of_nobody_at_all\ndef initialize(context): pass\n")


class TestOldPandas:
    def test_removed_words_work_in_a_strategy(self) -> None:
        ran = run(
            "from jqdata import *\n"
            "def initialize(context):\n"
            "    df = pd.DataFrame({'a': [3, 1, 2], 'b': [1.0, 2.0, 3.0]}, index=['x', 'y', 'z'])\n"
            "    more = df.append({'a': 9, 'b': 9.0}, ignore_index=True)\n"
            "    log.info(str((len(more), more.a.iloc[-1], len(df))))\n"
            "    log.info(str((df.ix['y', 'a'], df.ix[0, 'b'], list(df.ix[1:, 'a']), float(df.ix['z']['b']))))\n"
            "    log.info(str((list(df.sort('a').index), list(df.a.order(ascending=False).index))))\n"
            "    log.info(str((pd.rolling_mean(df.b, 2)[-1], df.as_matrix().shape, np.float(3), np.isnan(np.NaN))))\n"
        )
        assert ran.recorder.of(CallbackFailed) == []
        assert [text for _, text in ran.recorder.said()] == [
            "(4, np.float64(9.0), 3)",
            "(np.int64(1), np.float64(1.0), [1, 2], 3.0)",
            "(['y', 'z', 'x'], ['x', 'z', 'y'])",
            "(np.float64(2.5), (3, 2), 3.0, np.True_)",
        ]
