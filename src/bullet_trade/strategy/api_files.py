"""Files of the strategy: below the research directory (`RESEARCH_DIR`) and nowhere else."""

from __future__ import annotations

from pathlib import Path

from bullet_trade.domain.errors import StrategyError
from bullet_trade.strategy.current import session


def read_file(path: str) -> bytes:
    """The content of a file. Raises `FileNotFoundError`, and `StrategyError` for a path that leads outside."""
    file = _inside(path)
    if not file.is_file():
        raise FileNotFoundError(f"研究目录里没有文件 {path}（{file}）。检查路径，或用 RESEARCH_DIR 指定研究目录")
    return file.read_bytes()


def write_file(path: str, content: str | bytes, append: bool = False) -> None:
    """Replace a file, or add to it; text is written as UTF-8, directories are made."""
    file = _inside(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab" if append else "wb") as out:
        out.write(content.encode("utf-8") if isinstance(content, str) else content)


def _inside(path: str) -> Path:
    root = session().research_dir.resolve()
    # The platform's paths are relative even when they begin with a slash.
    file = (root / str(path).lstrip("/\\")).resolve()
    if not file.is_relative_to(root):
        raise StrategyError(f"路径 {path!r} 指向研究目录之外", f"只能读写 {root} 里面的文件")
    return file
