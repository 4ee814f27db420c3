"""Pictures of the terminal for the manual, taken from the running program: `make pictures` writes docs/assets/*.svg.

Everything in them is fixed: the range, the synthetic market, the machine that `doctor` examines. Taking them again
changes nothing unless the program says something else.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import MONOKAI
from rich.text import Text

from bullet_trade.brokers.qmt.terms import QmtTerms
from bullet_trade.cli.doctor import WORDS
from bullet_trade.domain.errors import DataError, UsageError
from bullet_trade.engine.events import Audiences
from bullet_trade.ops.compose import composed
from bullet_trade.ops.control.messages import Reply
from bullet_trade.ops.doctor.here import known_days
from bullet_trade.ops.doctor.site import Site, TerminalLook, TerminalQuotes
from bullet_trade.ops.doctor.table import counted, examine
from bullet_trade.ops.live import run_session
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import Settings, validated
from bullet_trade.ops.status import About, StatusView, look
from bullet_trade.ops.status_text import status_page
from bullet_trade.ports.clock import Rank
from bullet_trade.remote.messages import HandshakeAck

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "docs" / "assets"
DEMO = ROOT / "strategies" / "demo_strategy.py"
COLUMNS = 100
CELL, LINE, EDGE = 8.4, 19, 16
"""Width of a cell, height of a line and the empty edge, in pixels."""

FONTS = "Menlo, Consolas, 'DejaVu Sans Mono', 'Noto Sans Mono CJK SC', 'Microsoft YaHei', 'PingFang SC', monospace"
WATCHED = datetime(2025, 12, 1, 10, 0, 30)
EXAMINED = datetime(2025, 12, 1, 8, 50)

REFUSED = """from jqdata import *


def initialize(context):
    run_daily(buy, time="10:31")


def buy(context):
    order("600519.XSHG", 50)
"""


def main() -> None:
    """Take all pictures anew."""
    ASSETS.mkdir(exist_ok=True)
    for name in [name for name in os.environ if name.lower() in Settings.model_fields]:
        del os.environ[name]  # nothing of the user's own settings
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        (Path(place) / "small.py").write_text(REFUSED, encoding="utf-8")
        save("replay", *replayed())
        save("why", *refused())
        save("status", prompt("status"), status_page(Reply(True, "ok", "", status=watched())))
        save("doctor", prompt("doctor --broker qmt"), *examined())
        os.chdir(ROOT)


# -- what is shown -----------------------------------------------------------------------------------------------------


def replayed() -> Iterator[Text]:
    """The closing table of a replay."""
    yield prompt("live strategies/demo_strategy.py --replay 2025-12-01:2026-01-30 --quiet")
    said = told("live", str(DEMO), "--replay", "2025-12-01:2026-01-30", "--quiet")
    first = next(place for place, line in enumerate(said) if line.plain.startswith("demo_strategy "))
    yield from said[first:]


def refused() -> Iterator[Text]:
    """A refusal in the log, and the answer to the question why."""
    yield prompt("live small.py --replay 2025-12-01:2025-12-01")
    yield from (
        line for line in told("live", "small.py", "--replay", "2025-12-01:2025-12-01") if "[lot_size]" in line.plain
    )
    yield Text()
    yield prompt("why 600519 --at 10:31 --runtime-dir runtime/replays/small")
    yield from told("why", "600519", "--at", "10:31", "--runtime-dir", "runtime/replays/small")


def watched() -> StatusView:
    """The engine as `status` shows it, in the middle of a morning."""
    request = RunRequest(DEMO, "simulator", "2025-12-01:2025-12-01", None, "synthetic", Path("watched"))
    seen: list[StatusView] = []
    with composed(request, validated(Settings, {}), Audiences()) as run:
        engine = run.session.engine
        about = About(4711, "strategies/demo_strategy.py", run.session.parts.broker.label, "回放", "runtime")
        engine.timers.add(WATCHED, Rank.HOUSEKEEPING, lambda: seen.append(look(engine, about, None)))
        run_session(run)
    return seen[0]


def examined() -> Iterator[Text]:
    """What `doctor` finds on a machine where QMT is not there yet."""
    settings = validated(Settings, {"qmt_account_id": "8800123456"})

    def no_wheel() -> object:
        raise UsageError("没有安装 xtquant，不能使用 --broker qmt", "执行 pip install xtquant")

    def no_quotes() -> TerminalQuotes:
        raise UsageError("xtquant 的行情模块无法加载", "执行 pip install xtquant")

    def no_server(_: Settings) -> HandshakeAck:
        raise DataError("没有服务端")

    def no_terminal(_: QmtTerms) -> TerminalLook:
        return TerminalLook(None, "没有连接")

    site = Site(
        settings,
        sources=[],
        broker="qmt",
        directory=Path("runtime"),
        log_dir=Path("logs"),
        python=(3, 12, 8),
        system="Windows AMD64",
        offset=timedelta(hours=8),
        now=lambda: EXAMINED,
        free_bytes=lambda _: 50 << 30,
        installed=lambda package: None if package == "xtquant" else "1.0",
        calendar=lambda: known_days(settings),
        load_xtquant=no_wheel,
        connect=no_terminal,
        quotes=no_quotes,
        greet=no_server,
    )
    findings = list(examine(site))
    for finding in findings:
        word, colour = WORDS[finding.level]
        yield Text.assemble((word, colour), "  ", without_place(finding.text))
    yield Text(counted(findings))


def told(*arguments: str) -> list[Text]:
    """The lines that the program prints in this directory."""
    surroundings = os.environ | {"FORCE_COLOR": "1", "COLUMNS": f"{COLUMNS}", "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "bullet_trade", *arguments]
    ended = subprocess.run(command, env=surroundings, capture_output=True, check=True, encoding="utf-8")
    return [without_place(line) for line in Text.from_ansi(ended.stdout).split("\n")]


def without_place(words: Text | str) -> Text:
    """The words as if this directory were where the reader is."""
    text = words if isinstance(words, Text) else Text(words)
    place = f"{Path.cwd()}{os.sep}"
    return Text().join(text.split(place)) if place in text.plain else text


def prompt(command: str) -> Text:
    """What the reader types."""
    return Text.assemble(("$ ", "dim"), (f"bullet-trade {command}", "bold"))


# -- how it is drawn ---------------------------------------------------------------------------------------------------


class Run(NamedTuple):
    """Characters of one style and one width, `column` cells from the left."""

    column: int
    text: str
    style: Style


def save(name: str, *shown: object) -> None:
    """Draw what rich renders. Its own export stretches Chinese and Latin characters of a line alike, which puts columns
    out of line, and asks another host for a font; a page of the manual has to open offline."""
    console = Console(width=COLUMNS, force_terminal=True, color_system="truecolor", highlight=False, file=sys.stderr)
    with console.capture():
        lines = [line for one in shown for line in console.render_lines(one, pad=False)]  # type: ignore[arg-type]
    width, height = COLUMNS * CELL + 2 * EDGE, len(lines) * LINE + 2 * EDGE
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height}" role="img">',
        f'<rect width="{width:g}" height="{height}" rx="8" fill="{MONOKAI.background_color.hex}"/>',
        f'<g font-family="{FONTS}" font-size="14" xml:space="preserve">',
    ]
    for number, line in enumerate(lines):
        drawn += [text_element(run, EDGE + (number + 0.75) * LINE) for run in runs(line)]
    (ASSETS / f"{name}.svg").write_text("\n".join([*drawn, "</g>", "</svg>", ""]), encoding="utf-8", newline="\n")


def runs(line: list[Segment]) -> Iterator[Run]:
    """The line's characters, apart by style and by width, without what is empty."""
    column = 0
    for segment in line:
        for _, signs in groupby(segment.text, key=lambda sign: (cell_len(sign), sign == " ")):
            text = "".join(signs)
            if text.strip():
                yield Run(column, text, segment.style or Style.null())
            column += cell_len(text)


def text_element(run: Run, y: float) -> str:
    """One run at its place, exactly as wide as its cells."""
    colour = run.style.color.get_truecolor(MONOKAI) if run.style.color is not None else MONOKAI.foreground_color
    marks = ' font-weight="bold"' if run.style.bold else ""
    marks += ' opacity="0.6"' if run.style.dim else ""
    marks += ' font-size="16"' if cell_len(run.text) > len(run.text) else ""  # Chinese fills two cells
    x, length = EDGE + run.column * CELL, cell_len(run.text) * CELL
    return f'<text x="{x:g}" y="{y:g}" textLength="{length:g}" fill="{colour.hex}"{marks}>{escape(run.text)}</text>'


if __name__ == "__main__":
    main()
