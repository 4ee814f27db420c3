"""`g` is told by name, type and size, and nothing in it runs."""

from __future__ import annotations

import pickle
from datetime import date
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

from bullet_trade.store.g_summary import summarize
from bullet_trade.store.safe_pickle import dumps


def test_plain_values_tables_and_texts_are_measured() -> None:
    g = {
        "codes": ["600000.XSHG", "000001.XSHE"],
        "day": date(2025, 6, 3),
        "n": 3,
        "note": "沪深",
        "prices": pd.DataFrame({"close": [1.0, 2.0, 3.0], "open": [1.0, 2.0, 3.0]}),
        "weights": np.zeros((4, 5)),
    }
    found = {one.name: (one.type, one.size) for one in summarize(dumps(g, None)) or ()}
    assert found["codes"] == ("list", "2 项")
    assert found["day"] == ("date", "")
    assert found["n"] == ("int", "")
    assert found["note"] == ("str", "2 字")
    assert found["prices"][1] == "3×2"
    assert found["weights"] == ("numpy.ndarray", "4×5")


def test_an_instance_of_the_strategys_class_is_named_without_the_strategy() -> None:
    strategy = ModuleType("strategy")
    exec(
        "class Book(dict):\n    pass\nclass Line:\n    def __init__(self): self.n = 1\n"
        "class Queue(list):\n    pass\nclass Exact:\n    __slots__ = ('n',)\n",
        strategy.__dict__,
    )
    made = strategy.__dict__
    exact = made["Exact"]()
    exact.n = 1
    g = {"book": made["Book"](a=1), "exact": exact, "line": made["Line"](), "queue": made["Queue"]([1, 2])}
    import sys

    sys.modules["strategy"] = strategy
    content = dumps(g, strategy)
    del sys.modules["strategy"]
    assert [(one.name, one.type) for one in summarize(content) or ()] == [
        ("book", "strategy.Book"),
        ("exact", "strategy.Exact"),
        ("line", "strategy.Line"),
        ("queue", "strategy.Queue"),
    ]


class Hostile:
    """Unpickled as it is, it would create the file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[object, ...]:
        return open, (str(self._file), "w")


def test_a_hostile_file_is_told_and_does_nothing(tmp_path: Path) -> None:
    file = tmp_path / "created"
    found = summarize(pickle.dumps({"x": Hostile(file)}))
    assert [one.name for one in found or ()] == ["x"]
    assert not file.exists()


def test_content_that_is_no_dictionary_or_no_pickle_cannot_be_read() -> None:
    assert summarize(b"?") is None
    assert summarize(pickle.dumps([1])) is None
