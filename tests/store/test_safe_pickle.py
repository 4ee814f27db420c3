"""`g.pkl` brings back data, and nothing that runs a command."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import fractions
import os
import pickle
import random
import subprocess
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bullet_trade.domain.errors import StateError
from bullet_trade.store.safe_pickle import RefusedError, dumps, load_attributes, loads, picklable_part

INDEX = pd.date_range("2025-01-01", periods=3)

DATA: list[object] = [
    {"a": [1, 2.5, "x", None, True, b"y"], "s": {1, 2}, "f": frozenset({3}), "t": (1, (2,))},
    collections.deque([1, 2, 3], maxlen=20),
    collections.defaultdict(list, {"a": [1]}),
    collections.OrderedDict(a=1),
    collections.Counter("aab"),
    dt.datetime(2025, 1, 2, 9, 30),
    dt.date(2025, 1, 2),
    dt.timedelta(days=3),
    decimal.Decimal("1.10"),
    fractions.Fraction(1, 3),
    random.Random(1),
    SimpleNamespace(a=1),
    range(5),
    np.float64(1.5),
    np.int64(3),
    np.arange(6).reshape(2, 3),
    np.array(["a", "b"], dtype=object),
    np.array([1.0, np.nan], order="F"),
    np.datetime64("2025-01-01"),
    np.random.default_rng(1),
    pd.Timestamp("2025-01-01 09:30"),
    pd.Timedelta(days=1),
    pd.NaT,
    pd.Series([1.0, 2.0, 3.0], index=INDEX, name="close"),
    pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"], "c": pd.Categorical(["u", "v", "u"])}, index=INDEX),
    pd.DataFrame({"n": pd.array([1, None], dtype="Int64"), "d": INDEX[:2]}),
    pd.MultiIndex.from_tuples([("a", 1), ("b", 2)]),
    pd.Index(["a", "b"]),
    pd.RangeIndex(3),
    pd.Period("2025-01", freq="M"),
    pd.Interval(0, 1),
]


@pytest.mark.parametrize("value", DATA, ids=lambda value: type(value).__name__)
def test_data_come_back_as_they_were(value: object) -> None:
    again = loads(dumps({"x": value}, None), None)
    assert isinstance(again, dict)
    assert type(again["x"]) is type(value)
    assert dumps(again, None) == dumps({"x": value}, None) or repr(again["x"]) == repr(value)


class Calls:
    """Pickles as a call of any function."""

    def __init__(self, function: object, *arguments: object) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self._call


HOSTILE: list[object] = [
    Calls(os.system, "true"),
    Calls(subprocess.Popen, ["true"]),
    Calls(eval, "1"),
    Calls(exec, "pass"),
    Calls(getattr, "x", "upper"),
    Calls(__import__, "os"),
    Calls(open, "x", "w"),
    Calls(pd.eval, "1"),
    Calls(pd.read_pickle, "x"),
    Calls(np.load, "x"),
    Calls(Path, "x"),
    Calls(pickle.loads, b"x"),
    Calls(dt.datetime.now),
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda value: value._call[0].__qualname__)
def test_a_file_that_would_call_something_is_refused(hostile: object) -> None:
    with pytest.raises(RefusedError):
        loads(pickle.dumps({"x": hostile}), None)


@pytest.mark.parametrize(
    "name",
    [
        b"pandas.core.frame\nsys.exit",
        b"pandas.core.frame\nsys",
        b"pandas.core.frame\nDataFrame.eval",
        b"pandas.core.common\npartial",
        b"pandas.core.computation.eval\neval",
        b"numpy.random.mtrand\nos.system",
        b"numpy\nfromfile",
        b"collections\nOrderedDict.fromkeys",
        b"strategy\nanything",
    ],
)
def test_a_name_behind_an_admitted_module_is_refused_all_the_same(name: bytes) -> None:
    with pytest.raises((RefusedError, AttributeError)):
        loads(b"c" + name + b"\n(tR.", None)


def strategy_module(tmp_path: Path) -> ModuleType:
    """A loaded strategy with a class of its own and names that it imported."""
    module = ModuleType("strategy")
    module.__file__ = str(tmp_path / "s.py")
    exec("import os\nfrom os import system\nclass State:\n    class Inner:\n        pass\n", module.__dict__)
    return module


def test_classes_of_the_strategy_come_back_and_names_it_imported_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = strategy_module(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "strategy", module)
    state = module.State()
    state.level = 3
    again = loads(dumps({"state": state, "inner": module.State.Inner()}, module), module)
    assert isinstance(again, dict)
    assert (type(again["state"]), again["state"].level) == (module.State, 3)
    for name in (b"system", b"os"):
        with pytest.raises(RefusedError):
            loads(b"cstrategy\n" + name + b"\n(S'true'\ntR.", module)


def test_what_would_be_refused_on_loading_or_cannot_be_pickled_is_named_and_the_rest_is_kept() -> None:
    content, left_out = picklable_part({"good": 1, "bad": lambda: None, "worse": open, "worst": Path("x")}, None)
    assert left_out == ("bad", "worse", "worst")
    assert b"good" in content


@pytest.mark.parametrize("damage", [b"", b"\x80", b"not a pickle", dumps({"a": 1}, None)[:-3], dumps([1], None)])
def test_a_damaged_file_is_named_with_what_is_wrong(damage: bytes, tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"g\.pkl"):
        load_attributes(damage, None, tmp_path / "g.pkl")
