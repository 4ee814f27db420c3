"""What a run is asked to be, and where it keeps its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bullet_trade.ops.settings import Settings

LIVE = "live"


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What the user asked for on the command line, over what the settings say.

    `replay` None runs on the wall clock; ``auto``, ``FROM``, ``FROM:TO`` replay. `speed` None is as fast as it goes.
    `fresh` archives the saved state first; `restore` begins with that generation of it. Tasks that were due while the
    process was down are run if they are not older than `catch_up_s` seconds. `drill` names a drill or its file.
    """

    strategy: Path
    broker: str
    replay: str | None
    speed: float | None
    data: str
    runtime_dir: Path
    stop_after_close: bool = False
    fresh: bool = False
    restore: int | None = None
    catch_up_s: float = 0.0
    drill: str = ""
    confirmed: bool = False
    """Live trading on a real account was agreed to on the command line (`--yes`)."""
    risk: bool = False
    """A replay is to keep all of the account's limits, as it would live."""


def tag_label(request: RunRequest, settings: Settings) -> str:
    """The strategy's name in order tags."""
    return settings.strategy_name or request.strategy.stem


def runtime_directory(request: RunRequest, settings: Settings) -> Path:
    """Where the run keeps its files. A replay and a dry run have places of their own below the runtime directory, so
    that neither ever touches the state of a running account."""
    if request.replay is not None:
        return request.runtime_dir / "replays" / request.strategy.stem
    return request.runtime_dir / settings.live_mode if settings.live_mode != LIVE else request.runtime_dir
