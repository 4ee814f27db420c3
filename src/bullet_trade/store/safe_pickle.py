"""Pickling `g`, and loading it again without running anything that a file may ask for.

A pickle names the classes and functions that rebuild its content, and a hostile one names `os.system`. The loader
admits data types of the standard library, the rebuilders of numpy and pandas, and the strategy's own classes; every
other name is refused before it is called.
"""

from __future__ import annotations

import io
import pickle
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from bullet_trade.domain.errors import StateError

RESTORE = "用 live --restore 退回上一代（bullet-trade state show 列出各代）"

STRATEGY_MODULES = frozenset({"strategy", "user_code", "__main__"})
"""Names under which strategy files were pickled: ours and the platform's."""

PLAIN: dict[str, frozenset[str]] = {
    "builtins": frozenset(
        [
            "bool",
            "bytearray",
            "bytes",
            "complex",
            "dict",
            "float",
            "frozenset",
            "int",
            "list",
            "object",
            "range",
            "set",
            "slice",
            "str",
            "tuple",
        ]
    ),
    "collections": frozenset(["Counter", "OrderedDict", "defaultdict", "deque"]),
    "datetime": frozenset(["date", "datetime", "time", "timedelta", "timezone"]),
    "decimal": frozenset({"Decimal"}),
    "fractions": frozenset({"Fraction"}),
    "uuid": frozenset({"UUID"}),
    "random": frozenset({"Random"}),
    "copyreg": frozenset({"_reconstructor", "__newobj__"}),
    "types": frozenset({"SimpleNamespace"}),
    "numpy": frozenset({"ndarray", "dtype", "bool", "bool_"}),
    "numpy.random._pickle": frozenset(["__bit_generator_ctor", "__generator_ctor", "__randomstate_ctor"]),
    "zoneinfo": frozenset({"ZoneInfo"}),
    "bullet_trade.strategy.guards": frozenset({"DrawdownGuard"}),
}
_NUMPY_CORE = frozenset(
    {"numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric"}
)
_NUMPY_REBUILDERS = frozenset({"_reconstruct", "scalar", "_frombuffer"})
_NUMPY = ("numpy.random.", "numpy.dtypes")
_PANDAS = ("pandas.core.", "pandas._libs.")
_PANDAS_EVALUATES = ("pandas.core.computation",)
"""Classes there take expressions and evaluate them."""
_PANDAS_REBUILDERS = ("_unpickle", "_new_", "__pyx_unpickle", "_timedelta_unpickle", "__nat_unpickle")


class RefusedError(pickle.PickleError):
    """A name that stands for no data: refused on saving, so that nothing is saved that would be refused on loading."""


class Admission:
    """Which names may occur in a pickle. `strategy` is the loaded strategy module, whose classes are admitted."""

    def __init__(self, strategy: ModuleType | None) -> None:
        self._strategy = strategy

    def resolve(self, module: str, name: str) -> object:
        """What the name stands for. Raises `RefusedError` for a name that is not admitted."""
        if module in STRATEGY_MODULES:
            found: object = self._strategy
            for part in name.split("."):
                found = getattr(found, part, None)
            if isinstance(found, type) and self._strategy is not None and found.__module__ == self._strategy.__name__:
                return found
            raise RefusedError(f"策略文件里没有类 {name}")
        if name in PLAIN.get(module, ()) or (module in _NUMPY_CORE and name in _NUMPY_REBUILDERS):
            return _find(module, name)
        if (module.startswith(_NUMPY) or _is_pandas_data(module)) and "." not in name:
            found = _find(module, name)
            if name.startswith(_PANDAS_REBUILDERS) or (
                # A class that the module merely imported (say, a process starter) is not its own.
                isinstance(found, type) and found.__module__.startswith(("numpy", "pandas"))
            ):
                return found
        if module == "numpy" and isinstance(found := getattr(np, name, None), type) and issubclass(found, np.generic):
            return found
        neighbour = self._neighbour_class(module, name)
        if neighbour is not None:
            return neighbour
        raise RefusedError(f"不允许的内容 {module}.{name}")

    def _neighbour_class(self, module: str, name: str) -> object:
        """A class of a module that the strategy imported from its own folder."""
        loaded = sys.modules.get(module)
        file = getattr(loaded, "__file__", None)
        own = getattr(self._strategy, "__file__", None)
        if file is None or own is None or Path(file).resolve().parent != Path(own).resolve().parent:
            return None
        found: object = getattr(loaded, name, None)
        return found if isinstance(found, type) and found.__module__ == module else None


class _Loader(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, admission: Admission) -> None:
        super().__init__(file)
        self.find_class = admission.resolve  # type: ignore[method-assign]


class _Saver(pickle.Pickler):
    """Asked for every object that is no plain number, text or container."""

    def __init__(self, file: io.BytesIO, admission: Admission) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._admission = admission
        self._admitted: set[type] = set()

    def reducer_override(self, value: object) -> Any:  # Any: the return type of the method that is overridden
        if type(value) in self._admitted:  # `g` may hold a million dates
            return NotImplemented
        # Classes and functions (those of extension modules too) are pickled by name, everything else by its class.
        named = value if hasattr(value, "__qualname__") else type(value)
        self._admission.resolve(named.__module__, named.__qualname__)
        if named is not value:
            self._admitted.add(type(value))
        return NotImplemented


def dumps(value: object, strategy: ModuleType | None) -> bytes:
    """The pickle of `value`. Raises `RefusedError` for what `loads` would refuse, and what its types raise."""
    buffer = io.BytesIO()
    _Saver(buffer, Admission(strategy)).dump(value)
    return buffer.getvalue()


def loads(content: bytes, strategy: ModuleType | None) -> object:
    """The value again. Raises `RefusedError` for a name that is not admitted, and what damaged content raises."""
    return _Loader(io.BytesIO(content), Admission(strategy)).load()


def _find(module: str, name: str) -> object:
    found: object = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _is_pandas_data(module: str) -> bool:
    return module.startswith(_PANDAS) and not module.startswith(_PANDAS_EVALUATES)


def load_attributes(content: bytes, strategy: ModuleType | None, path: Path) -> dict[str, object]:
    """The attributes of `g` from the content of `path`. Raises `StateError` naming the file and what is wrong."""
    try:
        loaded = loads(content, strategy)
    except RefusedError as error:
        raise StateError(
            f"全局变量文件 {path} 含有{error}，为安全起见没有载入",
            "若策略改名或删除了类，恢复该类；来历不明的文件请丢弃",
        ) from error
    except Exception as error:  # unpickling a damaged file can raise anything
        raise StateError(f"全局变量文件 {path} 无法恢复（{type(error).__name__}: {error}）", RESTORE) from error
    if not isinstance(loaded, dict):
        raise StateError(f"全局变量文件 {path} 的内容不是字典", RESTORE)
    return loaded


def picklable_part(g: dict[str, object], strategy: ModuleType | None) -> tuple[bytes, tuple[str, ...]]:
    """The pickle of `g`, and the names of attributes that could not be pickled and were left out."""
    try:
        return dumps(g, strategy), ()
    except Exception:  # noqa: BLE001 - any type may refuse; find out below which attribute it is
        kept = {name: value for name, value in g.items() if _can_pickle(value, strategy)}
        return dumps(kept, strategy), tuple(sorted(g.keys() - kept.keys()))


def _can_pickle(value: object, strategy: ModuleType | None) -> bool:
    try:
        dumps(value, strategy)
    except Exception:  # noqa: BLE001 - a refusal is the answer
        return False
    return True
