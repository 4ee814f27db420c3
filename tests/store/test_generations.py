"""State survives every way in which a save can be cut off, and every damage is noticed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bullet_trade.domain.errors import StateError
from bullet_trade.store import generations
from bullet_trade.store.generations import Damage, Generations, Pair, read_pair, sealed

STATE: generations.Document = {"strategy": {"version": 1, "tasks": []}, "bullet_trade": {"schema": 1}}


def filled(directory: Path, count: int = 3) -> Generations:
    """A directory with pairs 1..count; `g` of each is its number."""
    store = Generations(directory, durable=False)
    for number in range(1, count + 1):
        store.save(number, STATE, f"g{number}".encode())
    return store


def test_the_newest_pair_stands_in_the_directory_and_the_earlier_ones_below(tmp_path: Path) -> None:
    store = filled(tmp_path, 8)
    newest, damaged = store.newest()
    assert newest is not None
    assert (newest.number, newest.g, newest.directory, damaged) == (8, b"g8", tmp_path, [])
    assert store.numbers() == [7, 6, 5, 4, 3]
    assert store.load(5).g == b"g5"


def test_the_last_pair_of_each_of_the_days_before_is_kept(tmp_path: Path) -> None:
    store = Generations(tmp_path, durable=False, kept=2, kept_days=3)
    for number in range(1, 21):  # four a day
        day = f"2025-06-{(number + 3) // 4:02d}T15:00:00"
        store.save(number, {**STATE, "bullet_trade": {"schema": 1, "saved_at": day}}, b"g")
    assert store.numbers() == [19, 18, 16, 12, 8]
    reopened = Generations(tmp_path, durable=False, kept=2, kept_days=3)
    reopened.save(21, {**STATE, "bullet_trade": {"schema": 1, "saved_at": "2025-06-06T15:00:00"}}, b"g")
    assert reopened.numbers() == [20, 19, 16, 12, 8]


def test_a_directory_without_files_holds_no_pair(tmp_path: Path) -> None:
    assert Generations(tmp_path).newest() == (None, [])


def test_files_of_a_deployed_installation_are_a_pair(tmp_path: Path) -> None:
    (tmp_path / "live_state.json").write_text(json.dumps({"strategy": {"version": 1}}), encoding="utf-8")
    (tmp_path / "g.pkl").write_bytes(b"g")
    newest, damaged = Generations(tmp_path).newest()
    assert newest is not None
    assert (newest.number, newest.g, damaged) == (0, b"g", [])


@pytest.mark.parametrize("name", ["live_state.json", "g.pkl"])
def test_every_truncation_of_the_newest_pair_is_noticed_and_the_one_before_is_found(name: str, tmp_path: Path) -> None:
    store = filled(tmp_path)
    whole = (tmp_path / name).read_bytes()
    for length in range(len(whole)):
        (tmp_path / name).write_bytes(whole[:length])
        newest, damaged = store.newest()
        assert newest is not None
        assert newest.number == 2, length
        assert [damage.directory for damage in damaged] == [tmp_path]


@pytest.mark.parametrize("name", ["live_state.json", "g.pkl"])
@settings(max_examples=100, deadline=None)
@given(fraction=st.floats(0, 1, exclude_max=True))
def test_a_flipped_bit_is_noticed_or_changes_nothing(
    name: str, fraction: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("flip")
    filled(directory, 1)
    content = bytearray((directory / name).read_bytes())
    place = int(fraction * len(content) * 8)
    content[place // 8] ^= 1 << place % 8
    before = read_pair(directory)
    (directory / name).write_bytes(bytes(content))
    after = read_pair(directory)
    assert isinstance(before, Pair)
    assert isinstance(after, Damage) or (after is not None and after.state == before.state and after.g == before.g)


@pytest.mark.parametrize("missing", ["live_state.json", "g.pkl"])
def test_half_a_pair_is_damage(missing: str, tmp_path: Path) -> None:
    store = filled(tmp_path, 1)
    (tmp_path / missing).unlink()
    newest, damaged = store.newest()
    assert newest is None
    assert missing in damaged[0].reason


class CutOffError(Exception):
    """The process dies here."""


def test_a_save_cut_off_at_any_file_operation_leaves_the_old_pair_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, cut_at, done = os.replace, 0, 0

    def counted(source: str | Path, target: str | Path) -> None:
        nonlocal done
        if done == cut_at:
            raise CutOffError
        done += 1
        replace(source, target)

    for cut_at in range(20):
        directory = tmp_path / str(cut_at)
        directory.mkdir()
        store = filled(directory)
        done = 0
        monkeypatch.setattr(os, "replace", counted)
        try:
            store.save(4, STATE, b"g4")
        except CutOffError:
            finished = False
        else:
            finished = True
        monkeypatch.setattr(os, "replace", replace)
        newest, _ = store.newest()
        assert newest is not None
        assert (newest.number, newest.g) in [(3, b"g3"), (4, b"g4")]
        store.save(5, STATE, b"g5")  # and the next save is as good as ever
        newest, damaged = store.newest()
        assert newest is not None
        assert (newest.number, damaged) == (5, [])
        if finished:
            assert cut_at > 4
            return
    pytest.fail("the save never ran to its end")


def test_all_damaged_is_no_pair_and_says_what_is_wrong_with_each(tmp_path: Path) -> None:
    store = filled(tmp_path)
    for file in tmp_path.rglob("g.pkl"):
        file.write_bytes(b"?")
    newest, damaged = store.newest()
    assert newest is None
    assert len(damaged) == 3
    assert all("g.pkl" in damage.reason for damage in damaged)


def test_an_earlier_generation_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="可用的代：2、1"):
        filled(tmp_path).load(9)


def test_the_checksum_covers_the_numbers_too(tmp_path: Path) -> None:
    content = sealed(7, STATE, b"g").replace(b'"generation": 7', b'"generation": 8')
    (tmp_path / "live_state.json").write_bytes(content)
    (tmp_path / "g.pkl").write_bytes(b"g")
    assert isinstance(read_pair(tmp_path), Damage)
    shutil.rmtree(tmp_path)
