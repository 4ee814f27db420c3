"""A directory to work in: settings, a strategy to try, places for logs and state. Nothing that is there is touched."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from bullet_trade.domain.errors import UsageError
from bullet_trade.ops.config_page import Models, env_example

STRATEGY = Path("strategies") / "demo_strategy.py"
DEMO_RANGE = "2025-12-01:2026-01-30"
IGNORED = "# 密码、状态和日志不入库\n.env\n.env.*\nruntime*/\nlogs/\n__pycache__/\n"


class Made(NamedTuple):
    """A path below the directory; `new` is false where it was there before and stays as it was."""

    path: Path
    new: bool


def make_working_directory(directory: Path, models: Models, chosen: Mapping[str, str]) -> list[Made]:
    """Make what is missing; `chosen` are values for `.env` by variable name (lower case).

    Raises `UsageError` where the directory cannot be written.
    """
    contents = {
        Path(".env"): env_example(models, chosen),
        Path(".gitignore"): IGNORED,
        STRATEGY: demo_strategy(),
    }
    try:
        made = [_directory(directory, Path(name)) for name in ("", "strategies", "runtime", "logs")][2:]
        return [*(_file(directory, path, text) for path, text in contents.items()), *made]
    except OSError as error:
        raise UsageError(f"无法在 {directory} 里建立文件：{error.strerror}", "换一个目录，或修正权限") from error


def demo_strategy() -> str:
    """The strategy that comes with the program."""
    return files("bullet_trade.ops").joinpath("demo_strategy.txt").read_text(encoding="utf-8")


def next_steps(directory: Path) -> tuple[str, ...]:
    """The commands that come next, to be typed where `bullet-trade init` was."""
    there = directory.resolve() == Path.cwd()
    return (
        *(() if there else (f"cd {_quoted(directory)}",)),
        "bullet-trade config check",
        f"bullet-trade live {STRATEGY.as_posix()} --broker simulator --replay {DEMO_RANGE}",
        "bullet-trade doctor",
    )


def _quoted(path: Path) -> str:
    return f'"{path}"' if " " in str(path) else str(path)


def _directory(directory: Path, path: Path) -> Made:
    place = directory / path
    new = not place.exists()
    place.mkdir(parents=True, exist_ok=True)
    return Made(path, new)


def _file(directory: Path, path: Path, text: str) -> Made:
    try:
        with (directory / path).open("x", encoding="utf-8", newline="\n") as file:
            if path.name == ".env":
                (directory / path).chmod(0o600)  # passwords will stand in it
            file.write(text)
    except FileExistsError:
        return Made(path, False)
    return Made(path, True)
