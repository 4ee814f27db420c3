"""The strategy's host: loads one strategy file and calls its functions, one at a time, on the engine thread.

An exception in a callback is the strategy's: it is told with the strategy's own file and line, journaled, and the
engine goes on.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import sys
import tokenize
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import ModuleType, TracebackType
from typing import NamedTuple

from bullet_trade.domain.errors import InvariantError, StateError, StrategyError, UsageError
from bullet_trade.engine.events import Audience, CallbackFailed
from bullet_trade.ports.journal import Journal

MODULE_NAME = "strategy"
"""The name under which the strategy's classes are pickled, in deployed `g.pkl` files too."""

HOOKS = (
    "initialize",
    "process_initialize",
    "after_code_changed",
    "before_trading_start",
    "handle_data",
    "handle_tick",
    "after_trading_end",
    "on_strategy_end",
    "on_event",
    "on_risk_alert",
)

Callback = Callable[..., object]


class Running(NamedTuple):
    """A callback that runs now. `number` tells it from every other run."""

    number: int
    name: str


class Loaded(NamedTuple):
    """A strategy's code as it was loaded."""

    module: ModuleType
    source_hash: str
    hooks: dict[str, Callback]


class StrategyHost:
    """One strategy file, its module and its hooks."""

    def __init__(self, path: Path, namespace: Mapping[str, object], audience: Audience, journal: Journal) -> None:
        self.path = path
        self._namespace = namespace
        self._audience = audience
        self._journal = journal
        self.module = ModuleType(MODULE_NAME)
        self.source_hash = ""
        self.hooks: dict[str, Callback] = {}
        self.busy = False
        """Whether a callback of the strategy is running now."""
        self.running: Running | None = None
        """The callback that runs now; read by other threads, too."""
        self.logical_now: datetime | None = None
        """The instant that the running callback is meant for; it may lie a little before the clock."""
        self._arity: dict[Callback, int] = {}
        self.calls = 0
        """Callbacks run so far: while it stands still, the strategy cannot have changed anything."""
        self.stop_requested = False
        """Set when the strategy called `exit()`."""

    @property
    def loaded(self) -> Loaded:
        """The code that runs now; can be set again to go back to it."""
        return Loaded(self.module, self.source_hash, self.hooks)

    @loaded.setter
    def loaded(self, code: Loaded) -> None:
        self.module, self.source_hash, self.hooks = code
        sys.modules[MODULE_NAME] = code.module

    def file_hash(self) -> str:
        """The hash of what the file holds now. Raises as `load` does when it cannot be read."""
        return _digest(self._read())

    def load(self) -> None:
        """Execute the file. Raises `UsageError` (no such file) or `StrategyError` (with line and cause)."""
        source = self._read()
        self.source_hash = _digest(source)
        try:
            code = compile(source, str(self.path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or "?"
            raise StrategyError(
                f"策略文件 {self.path.name} 第 {line} 行有语法错误：{getattr(error, 'msg', error)}",
                "改正后重新启动（本引擎使用 Python 3，Python 2 的写法需要先转换）",
            ) from error
        self.module = ModuleType(MODULE_NAME)
        self.module.__file__ = str(self.path)
        self.module.__dict__.update(self._namespace)
        sys.modules[MODULE_NAME] = self.module
        folder = str(self.path.parent.resolve())
        if folder not in sys.path:
            sys.path.insert(0, folder)
        try:
            exec(code, self.module.__dict__)
        except Exception as error:
            where = strategy_line(error.__traceback__, self.path)
            remedy = "改正策略顶层代码后重新启动"
            if isinstance(error, ModuleNotFoundError):
                remedy = how_to_install(str(error.name))
            raise StrategyError(f"策略文件加载失败（{where}）：{type(error).__name__}: {error}", remedy) from error
        self.hooks = {name: hook for name in HOOKS if callable(hook := self.module.__dict__.get(name))}
        if not self.hooks and "run_daily" not in source.decode("utf-8", "replace"):
            raise StrategyError(
                f"策略文件 {self.path.name} 没有定义 initialize 等任何回调函数", "至少定义 initialize(context)"
            )

    def _read(self) -> bytes:
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError as error:
            raise UsageError(f"找不到策略文件 {self.path}", "检查路径，文件名含空格时请加引号") from error
        except OSError as error:
            raise UsageError(f"无法读取策略文件 {self.path}：{error.strerror}", "检查文件权限") from error
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
            raw.decode(encoding)
        except (SyntaxError, UnicodeDecodeError):
            try:  # files saved by Chinese editors on Windows carry no coding line
                return raw.decode("gb18030").encode("utf-8")
            except UnicodeDecodeError as error:
                raise StrategyError(
                    f"策略文件 {self.path.name} 的编码无法识别", "请用 UTF-8 编码另存后再启动"
                ) from error
        return raw

    def function(self, name: str) -> Callback | None:
        """The strategy's module-level function of that name."""
        found = self.module.__dict__.get(name)
        return found if callable(found) else None

    def call(self, name: str, function: Callback, arguments: tuple[object, ...], at: datetime, now: datetime) -> bool:
        """Run a callback; False when it raised. Surplus arguments are dropped as the function's signature wants it.

        Errors that say that state is unsafe (`InvariantError`, `StateError`) are not the strategy's and pass through.
        """
        outer, around = self.logical_now, self.running
        self.calls += 1
        self.busy, self.logical_now, self.running = True, at, Running(self.calls, name)
        try:
            taken = self._arity.get(function)
            if taken is None:
                taken = self._arity[function] = accepted_arguments(function, len(arguments))
            function(*arguments[:taken])
        except (InvariantError, StateError):
            raise
        except SystemExit:
            self.stop_requested = True
        except KeyboardInterrupt:
            self._failed(name, RuntimeError("操作员中断了这次回调"), now)
            return False
        except Exception as error:  # noqa: BLE001 - the loop's edge: told, journaled, and the engine lives on
            self._failed(name, error, now)
            return False
        finally:
            self.busy, self.logical_now, self.running = around is not None, outer, around
        return True

    def _failed(self, name: str, error: Exception, now: datetime) -> None:
        where = strategy_line(error.__traceback__, self.path)
        text = f"{type(error).__name__}: {error}"
        self._journal.append(now, "callback_failed", {"callback": name, "where": where, "error": text})
        trace = "".join(traceback.format_exception(error))
        self._audience.tell(CallbackFailed(now, name, where, text, trace))


OF_THE_EXTRA = frozenset({"cloudpickle", "joblib", "patsy", "scipy", "sklearn", "statsmodels", "threadpoolctl"})
"""What the optional part ``analysis`` of this package brings."""


def how_to_install(module: str) -> str:
    """What the user does about a module that a strategy imports and that is not there."""
    package = module.partition(".")[0]
    if package in OF_THE_EXTRA:
        return 'pip install "bullet-trade[analysis]"'
    return f"第三方库：pip install {package}；自己写的模块：把 {package}.py 放到策略文件旁边"


def _digest(source: bytes) -> str:
    return hashlib.md5(source, usedforsecurity=False).hexdigest()


def strategy_line(trace: TracebackType | None, path: Path) -> str:
    """``file:line`` of the innermost frame in the strategy's folder, else of the innermost frame of all."""
    folder = path.parent.resolve()
    frames = traceback.extract_tb(trace)
    for frame in reversed(frames):
        file = Path(frame.filename)
        if file == path or (not frame.filename.startswith("<") and file.resolve().parent == folder):
            return f"{file.name}:{frame.lineno}"
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else path.name


def accepted_arguments(function: Callback, offered: int) -> int:
    """How many of `offered` positional arguments the function takes (deployed strategies define hooks without any)."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return offered
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return offered
    return min(offered, sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters))
