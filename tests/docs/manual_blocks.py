"""The code blocks of the manual, and what becomes of each: by its language and the comment before it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("*.md")])

HANDLING = {
    "bash": "run",
    "python": "run",
    "sql": "run",
    "dotenv": "read",
    "toml": "read",
    "powershell": "windows",  # its lines of our program are checked as command lines
    "text": "shown",
}
BY_HAND, FILE = "by hand: ", "file: "
"""Comments before a block: why it cannot be run here; the name under which its page keeps it."""

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\S*)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"<!-- (.+) -->\n *\Z")


class Block(NamedTuple):
    """A fenced block; `mark` is the comment in the line before it."""

    page: str
    line: int
    language: str
    mark: str
    body: str

    @property
    def handling(self) -> str:
        """What the tests do with it. Raises `KeyError` for a language or a mark that nobody has decided about."""
        if self.mark.startswith(BY_HAND) and self.language == "bash":
            return "by hand"
        if self.mark and not (self.mark.startswith(FILE) and HANDLING[self.language] == "read"):
            raise KeyError(self.mark)
        return HANDLING[self.language]

    @property
    def file(self) -> str:
        """The name under which its page keeps it, '' for none."""
        return self.mark.removeprefix(FILE) if self.mark.startswith(FILE) else ""


def blocks_of(page: Path) -> Iterator[Block]:
    """The blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        marked = _MARK.search(text, 0, found.start())
        body = re.sub(rf"^{found['indent']}", "", found["body"], flags=re.MULTILINE)
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page.name, line, found["language"], marked[1] if marked else "", body)


def prose_of(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
