"""The pair of state files and the pairs before it, each whole or not there at all.

The newest pair stands in the runtime directory itself under the names that deployed installations use; earlier ones
in `generations/<number>/`. `live_state.json` holds its own checksum and that of the `g.pkl` it belongs to, so a pair
proves itself. A save writes the new pair beside the old one, copies the old one down, and moves the new one up;
whatever the moment at which it is cut off, at least one whole pair remains, and `newest` finds the newest of them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bullet_trade.domain.errors import StateError
from bullet_trade.store.files import Disk

STATE_FILE, G_FILE = "live_state.json", "g.pkl"
FOLDER, INCOMING = "generations", "incoming"
KEPT = 5
"""Earlier pairs that are kept."""

DEPLOYED = frozenset({"scheduler", "subscriptions", "strategy"})
"""The sections of a deployed file; one that has another section has lost ours to damage."""

Document = dict[str, dict[str, object]]


class Pair(NamedTuple):
    """A whole pair: where it stands, its number (0 for deployed files without one), and its content."""

    directory: Path
    number: int
    state: Document
    g: bytes


class Damage(NamedTuple):
    """A pair that does not prove itself, and why."""

    directory: Path
    reason: str


class Generations:
    """The pairs of one runtime directory. One thread at a time."""

    def __init__(
        self,
        directory: Path,
        durable: bool = True,
        kept: int = KEPT,
        disk: Disk | None = None,
        kept_days: int = 0,
    ) -> None:
        """Besides the `kept` newest of the earlier pairs, the last one of each of the `kept_days` days before stays."""
        self._directory = directory
        self._kept_days = kept_days
        self._days: dict[int, str] = {}
        self._folder = directory / FOLDER
        self._disk = disk or Disk(durable)
        self._kept = kept

    def newest(self) -> tuple[Pair | None, list[Damage]]:
        """The newest whole pair, and the damaged ones that are newer than it or stand in its place."""
        damaged: list[Damage] = []
        whole: list[Pair] = []
        for directory in self._places():
            found = read_pair(directory)
            if isinstance(found, Pair):
                whole.append(found)
            elif found is not None and directory.name != INCOMING:  # a save that never was complete is no loss
                damaged.append(found)
        halfway = read_pair(self._folder / INCOMING, self._directory)
        if isinstance(halfway, Pair):  # cut off between its two moves: `g` is in its place, the state not yet
            whole.append(halfway)
        best = max(whole, key=lambda pair: pair.number, default=None)
        return best, damaged

    def _places(self) -> Iterator[Path]:
        yield self._directory
        yield self._folder / INCOMING
        for number in self.numbers():
            yield self._folder / str(number)

    def numbers(self) -> list[int]:
        """Numbers of the earlier pairs, newest first."""
        if not self._folder.is_dir():
            return []
        return sorted((int(entry.name) for entry in self._folder.iterdir() if entry.name.isdecimal()), reverse=True)

    def load(self, number: int) -> Pair:
        """One earlier pair. Raises `StateError` when it is not there or not whole."""
        found = read_pair(self._folder / str(number))
        if isinstance(found, Pair):
            return found
        why = found.reason if found is not None else "不存在"
        known = "、".join(str(one) for one in self.numbers()) or "无"
        raise StateError(f"第 {number} 代状态{why}", f"可用的代：{known}")

    def save(self, number: int, state: Document, g: bytes) -> None:
        """Make this pair the newest. Raises `OSError`; what was whole before stays whole."""
        incoming = self._folder / INCOMING
        incoming.mkdir(parents=True, exist_ok=True)
        self._disk.write(incoming / G_FILE, g)
        self._disk.write(incoming / STATE_FILE, sealed(number, state, g))
        self._retire()
        for name in (G_FILE, STATE_FILE):
            self._disk.replace(incoming / name, self._directory / name)
        self._disk.settle(self._directory)
        self._days[number] = str(state.get("bullet_trade", {}).get("saved_at", ""))[:10]
        self._prune()

    def _retire(self) -> None:
        current = read_pair(self._directory)
        if not isinstance(current, Pair):
            return  # nothing, or a torn pair that is worth nothing: overwritten in place
        target = self._folder / str(current.number)
        target.mkdir(exist_ok=True)
        for name in (G_FILE, STATE_FILE):
            # Copied rather than moved, so that the runtime directory is never without its files.
            self._disk.write(target / name, (self._directory / name).read_bytes())

    def _prune(self) -> None:
        numbers = self.numbers()
        newer = numbers[self._kept - 1] if len(numbers) >= self._kept else 0
        days_left = self._kept_days
        for number in numbers[self._kept :]:
            if days_left and self._day(number) != self._day(newer):
                days_left -= 1
                newer = number
            else:
                shutil.rmtree(self._folder / str(number), ignore_errors=True)
                self._days.pop(number, None)

    def _day(self, number: int) -> str:
        """The date on which an earlier pair was saved, '' where it does not say."""
        if number not in self._days:
            found = read_pair(self._folder / str(number))
            self._days[number] = saved_at(found)[:10] if isinstance(found, Pair) else ""
        return self._days[number]


def sealed(number: int, state: Document, g: bytes) -> bytes:
    """`state` as the bytes of `live_state.json`, with its number and checksums in it."""
    own = {**state.get("bullet_trade", {}), "generation": number, "g_sha256": hashlib.sha256(g).hexdigest()}
    whole = {**state, "bullet_trade": own}
    own["sha256"] = _digest(whole)
    return json.dumps(whole, ensure_ascii=False, indent=2, sort_keys=True).encode("utf-8")


def read_pair(directory: Path, g_directory: Path | None = None) -> Pair | Damage | None:
    """The pair in `directory` (its `g` in `g_directory`, where that is another); None when there is neither file."""
    state_file, g_file = directory / STATE_FILE, (g_directory or directory) / G_FILE
    if not state_file.exists() and not g_file.exists():
        return None
    for file in (state_file, g_file):
        if not file.exists():
            return Damage(directory, f"缺少 {file.name}")
    try:
        g = g_file.read_bytes()
        state = json.loads(state_file.read_text(encoding="utf-8"))
    except OSError as error:
        return Damage(directory, f"无法读取（{error.strerror}）")
    except ValueError as error:
        return Damage(directory, f"{STATE_FILE} 已损坏（{error}）")
    return _proved(directory, state, g)


def saved_at(pair: Pair) -> str:
    """When the pair was saved, exchange time as ISO text; '' where it does not say."""
    saved = pair.state.get("bullet_trade", {}).get("saved_at") or pair.state.get("scheduler", {}).get("last_cursor")
    return str(saved or "")


def _proved(directory: Path, state: object, g: bytes) -> Pair | Damage:
    if not isinstance(state, dict) or not isinstance(state.get("strategy"), dict):
        return Damage(directory, f"{STATE_FILE} 不是状态文件")
    own = state.get("bullet_trade")
    if own is None and state.keys() <= DEPLOYED:  # a deployed installation keeps no checksums
        return Pair(directory, 0, state, g)
    if not isinstance(own, dict):
        return Damage(directory, f"{STATE_FILE} 不是状态文件")
    if own.get("sha256") != _digest(state):
        return Damage(directory, f"{STATE_FILE} 校验和不符")
    if own.get("g_sha256") != hashlib.sha256(g).hexdigest():
        return Damage(directory, f"{G_FILE} 校验和不符，或与 {STATE_FILE} 不是同一次保存")
    number = own.get("generation")
    return Pair(directory, number if isinstance(number, int) else 0, state, g)


def _digest(state: Document) -> str:
    """Checksum of everything but the checksum itself."""
    own = {key: value for key, value in state["bullet_trade"].items() if key != "sha256"}
    text = json.dumps({**state, "bullet_trade": own}, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
