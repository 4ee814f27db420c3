"""`live_state.json` and `g.pkl`: written whole or not at all, never guessed, and readable from older installations."""

from __future__ import annotations

import json
import os
import pickle
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bullet_trade.domain.errors import StateError, UsageError
from bullet_trade.ports.state_store import SavedState, SavedTask
from bullet_trade.store.files import write_atomically
from bullet_trade.store.generations import sealed
from bullet_trade.store.runtime_dir import lock, prepare
from bullet_trade.store.state import G_FILE, STATE_FILE, FileStateStore, LastStateStore, archive


def a_state(**changes: object) -> SavedState:
    values: dict[str, object] = {
        "saved_at": datetime(2025, 6, 3, 15, 5, 0, 123),
        "strategy_hash": "0" * 32,
        "strategy_start_date": "2025-05-30",
        "run_number": 3,
        "next_order_number": 42,
        "starting_cash": 1_000_000_0000,
        "tasks": [SavedTask("rebalance", "weekly", "9:35", -1, False, None)],
        "settings": {"benchmark": "000300.XSHG", "options": {"use_real_price": True}},
        "subscriptions": ["600000.XSHG"],
        "marks": {"before_trading_start": "2025-06-03"},
        "opened": {"600000.XSHG": "2025-06-03T09:35:00"},
    }
    return SavedState(**{**values, **changes})  # type: ignore[arg-type]


def saved(directory: Path, state: SavedState, g: dict[str, object]) -> tuple[str, ...]:
    """Save one state to its end; the names that could not be saved."""
    store = FileStateStore(directory, durable=False)
    store.load()
    unsaved = store.save(state, g, None)
    store.close()
    return unsaved


def loaded(directory: Path) -> tuple[SavedState, dict[str, object]]:
    found = FileStateStore(directory).load()
    assert found is not None
    return found.state, found.unpickle(None)


TASKS = st.builds(
    SavedTask,
    func=st.text(min_size=1, max_size=8),
    schedule_type=st.sampled_from(("weekly", "monthly")),
    time=st.sampled_from(("9:30", "every_bar", "close-5m")),
    index=st.integers(-23, 23).filter(bool),
    force=st.booleans(),
    reference_security=st.none() | st.just("000300.XSHG"),
)


@settings(max_examples=30, deadline=None)
@given(
    tasks=st.lists(TASKS, max_size=4),
    cash=st.integers(0, 10**14),
    number=st.integers(1, 10**6),
    g=st.dictionaries(st.text(max_size=5), st.integers() | st.text() | st.lists(st.floats(allow_nan=False))),
)
def test_what_is_saved_comes_back(
    tmp_path_factory: pytest.TempPathFactory, tasks: list[SavedTask], cash: int, number: int, g: dict[str, object]
) -> None:
    directory = tmp_path_factory.mktemp("state")
    state = a_state(tasks=tasks, starting_cash=cash, next_order_number=number)
    assert saved(directory, state, g) == ()
    assert loaded(directory) == (state, g)


def test_nothing_saved_is_a_first_start(tmp_path: Path) -> None:
    assert FileStateStore(tmp_path).load() is None


def test_a_daily_task_comes_back_as_daily(tmp_path: Path) -> None:
    saved(tmp_path, a_state(tasks=[SavedTask("f", "daily", "9:30", 1, True, None)]), {})
    (task,) = loaded(tmp_path)[0].tasks
    assert (task.func, task.schedule_type, task.time, task.force) == ("f", "daily", "9:30", True)


def test_the_file_is_indented_sorted_readable_and_of_the_deployed_layout(tmp_path: Path) -> None:
    saved(tmp_path, a_state(settings={"options": {"备注": "沪深"}}), {})
    text = (tmp_path / STATE_FILE).read_text(encoding="utf-8")
    document = json.loads(text)
    assert text == json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True)
    assert "沪深" in text
    assert document["scheduler"] == {"last_cursor": "2025-06-03T15:05:00"}
    assert document["subscriptions"] == {"symbols": ["600000.XSHG"], "markets": []}
    assert document["strategy"]["version"] == 1
    assert document["strategy"]["tasks"] == [
        {
            "module": "strategy",
            "func": "rebalance",
            "schedule_type": "weekly",
            "time": "9:35",
            "weekday": -1,
            "monthday": None,
            "enabled": True,
            "reference_security": None,
            "force": False,
        }
    ]


DEPLOYED = {
    "scheduler": {"last_cursor": "2025-06-03T14:59:00"},
    "subscriptions": {"symbols": ["600000.XSHG"], "markets": ["SH"]},
    "strategy": {
        "version": 1,
        "strategy_hash": "abc",
        "strategy_start_date": "2025-01-02",
        "settings": {"benchmark": "000300.XSHG", "options": {}, "order_cost": {}, "slippage": {}},
        "tasks": [
            {"module": "strategy", "func": "daily", "schedule_type": "daily", "time": "every_bar",
             "weekday": None, "monthday": None, "enabled": True},
            {"module": "strategy", "func": "weekly", "schedule_type": "weekly", "time": "10:00",
             "weekday": 2, "monthday": None, "enabled": True},
            {"module": "strategy", "func": "monthly", "schedule_type": "monthly", "time": "10:00",
             "weekday": None, "monthday": -1, "enabled": True},
            {"module": "strategy", "func": "off", "schedule_type": "daily", "time": "10:00",
             "weekday": None, "monthday": None, "enabled": False},
        ],
    },
}  # fmt: skip


def deployed(directory: Path, **changes: object) -> None:
    (directory / STATE_FILE).write_text(json.dumps({**DEPLOYED, **changes}), encoding="utf-8")
    (directory / G_FILE).write_bytes(pickle.dumps({"live_trade": True, "x": 1}))


class TestFilesOfOtherInstallations:
    def test_a_version_1_file_without_our_section_loads(self, tmp_path: Path) -> None:
        deployed(tmp_path)
        state, g = loaded(tmp_path)
        assert g == {"live_trade": True, "x": 1}
        assert (state.strategy_hash, state.strategy_start_date) == ("abc", "2025-01-02")
        assert state.saved_at == datetime(2025, 6, 3, 14, 59)
        assert state.subscriptions == ["600000.XSHG"]
        assert (state.run_number, state.next_order_number, state.starting_cash) == (0, 1, 0)

    def test_its_tasks_keep_their_days_and_default_to_force(self, tmp_path: Path) -> None:
        deployed(tmp_path)
        tasks = loaded(tmp_path)[0].tasks
        assert [(t.func, t.schedule_type, t.index, t.force) for t in tasks] == [
            ("daily", "daily", 0, True),
            ("weekly", "weekly", 2, True),
            ("monthly", "monthly", -1, True),
        ]

    @pytest.mark.parametrize("section", ["scheduler", "subscriptions"])
    def test_a_section_that_is_empty_or_missing_is_no_damage(self, tmp_path: Path, section: str) -> None:
        deployed(tmp_path, **{section: {}})
        assert loaded(tmp_path)[0].strategy_hash == "abc"

    @pytest.mark.parametrize(
        "changes",
        [
            {"strategy": {**DEPLOYED["strategy"], "version": 2}},  # type: ignore[dict-item]
            {"bullet_trade": {"schema": 99}},
        ],
    )
    def test_another_version_is_refused(self, tmp_path: Path, changes: dict[str, object]) -> None:
        deployed(tmp_path, **changes)
        if "bullet_trade" in changes:
            content = sealed(1, {**DEPLOYED, **changes}, (tmp_path / G_FILE).read_bytes())  # type: ignore[arg-type]
            (tmp_path / STATE_FILE).write_bytes(content)
        with pytest.raises(StateError, match="格式版本"):
            FileStateStore(tmp_path).load()


class TestGenerations:
    def test_a_damaged_newest_state_falls_back_to_the_one_before_and_says_so(self, tmp_path: Path) -> None:
        for number in (1, 2):
            saved(tmp_path, a_state(next_order_number=number), {"n": number})
        (tmp_path / G_FILE).write_bytes(b"?")
        found = FileStateStore(tmp_path).load()
        assert found is not None
        assert (found.state.next_order_number, found.unpickle(None)) == (1, {"n": 1})
        assert "已退回第 1 代" in found.notes[0]

    def test_an_earlier_state_can_be_asked_for(self, tmp_path: Path) -> None:
        for number in (1, 2, 3):
            saved(tmp_path, a_state(next_order_number=number), {"n": number})
        found = FileStateStore(tmp_path, restore=1).load()
        assert found is not None
        assert found.unpickle(None) == {"n": 1}

    def test_a_fresh_start_moves_everything_aside_and_deletes_nothing(self, tmp_path: Path) -> None:
        for number in (1, 2):
            saved(tmp_path, a_state(next_order_number=number), {"n": number})
        before = sorted(file.name for file in tmp_path.rglob("*") if file.is_file())
        aside = archive(tmp_path, datetime(2025, 6, 3))
        assert aside is not None
        assert FileStateStore(tmp_path).load() is None
        assert sorted(file.name for file in aside.rglob("*") if file.is_file()) == before
        assert archive(tmp_path, datetime(2025, 6, 4)) is None

    def test_replays_that_begin_at_the_same_moment_are_put_aside_one_beside_the_other(self, tmp_path: Path) -> None:
        places = []
        for number in (1, 2, 3):
            saved(tmp_path, a_state(next_order_number=number), {"n": number})
            places.append(archive(tmp_path, datetime(2025, 6, 3)))
        assert len(set(places)) == 3
        assert all(place is not None and (place / G_FILE).exists() for place in places)

    def test_state_that_cannot_be_put_aside_is_told_and_stays(self, tmp_path: Path) -> None:
        saved(tmp_path, a_state(), {"n": 1})
        (tmp_path / "archive").write_text("a file where the folder should be")
        with pytest.raises(StateError, match="无法把状态文件归档"):
            archive(tmp_path, datetime(2025, 6, 3))
        assert FileStateStore(tmp_path).load() is not None


class TestDamage:
    @pytest.mark.parametrize(
        "content",
        [b"", b"{", b"[]", b"5", b"null", b'{"strategy": null}', b'{"strategy": {}}', b"\xff\xfe\x00",
         b'{"strategy": {"version": 1, "tasks": [5]}}', b'{"strategy": {"version": 1}, "subscriptions": null}',
         b'{"strategy": {"version": 1}, "scheduler": {"last_cursor": "yesterday"}}',
         b'{"strategy": {"version": 1}, "scheduler": []}'],
    )  # fmt: skip
    def test_a_state_file_that_makes_no_sense_is_named_with_the_remedy(self, tmp_path: Path, content: bytes) -> None:
        deployed(tmp_path)
        (tmp_path / STATE_FILE).write_bytes(content)
        with pytest.raises(StateError, match=r"live_state\.json|版本") as caught:
            FileStateStore(tmp_path).load()
        assert "--fresh" in caught.value.remedy

    @pytest.mark.parametrize(
        "content", [b"", b"garbage", pickle.dumps([1]), pickle.dumps({"x": 1})[:-3], b"cno_such_module\nX\n."]
    )
    def test_a_g_that_cannot_be_restored_is_named(self, tmp_path: Path, content: bytes) -> None:
        deployed(tmp_path)
        (tmp_path / G_FILE).write_bytes(content)
        with pytest.raises(StateError, match=r"g\.pkl"):
            loaded(tmp_path)

    @pytest.mark.parametrize("missing", [STATE_FILE, G_FILE])
    def test_half_a_state_is_not_no_state(self, tmp_path: Path, missing: str) -> None:
        deployed(tmp_path)
        (tmp_path / missing).unlink()
        with pytest.raises(StateError, match=rf"缺少 .*{missing}"):
            FileStateStore(tmp_path).load()


class TestWriting:
    def test_an_interrupted_write_leaves_the_old_content(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "file"
        write_atomically(path, b"old")

        def no_space(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", no_space)
        with pytest.raises(OSError, match="No space"):
            write_atomically(path, b"new")
        assert path.read_bytes() == b"old"
        assert [entry.name for entry in tmp_path.iterdir()] == ["file"]

    def test_a_directory_that_is_gone_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(StateError, match=r"无法保存状态到 .*gone"):
            saved(tmp_path / "file" / "gone", a_state(), {})

    def test_unpicklable_attributes_are_named_and_the_rest_is_kept(self, tmp_path: Path) -> None:
        g: dict[str, object] = {"b": lambda: 0, "a": (x for x in ()), "kept": [1]}
        assert saved(tmp_path, a_state(), g) == ("a", "b")
        assert loaded(tmp_path)[1] == {"kept": [1]}

    def test_a_replay_writes_its_last_state_when_it_ends(self, tmp_path: Path) -> None:
        store = LastStateStore(FileStateStore(tmp_path, durable=False))
        for number in (1, 2):
            assert store.save(a_state(next_order_number=number), {"n": number, "bad": lambda: 0}, None) == ()
        assert list(tmp_path.iterdir()) == []
        assert store.close() == ("bad",)
        state, g = loaded(tmp_path)
        assert (state.next_order_number, g) == (2, {"n": 2})

    def test_a_replay_that_saved_nothing_writes_nothing(self, tmp_path: Path) -> None:
        assert LastStateStore(FileStateStore(tmp_path)).close() == ()
        assert list(tmp_path.iterdir()) == []


class TestRuntimeDirectory:
    def test_it_is_made_with_its_parents_and_left_empty(self, tmp_path: Path) -> None:
        directory = prepare(tmp_path / "a" / "b")
        assert directory.is_absolute()
        assert list(directory.iterdir()) == []

    def test_a_file_in_its_place_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")
        with pytest.raises(UsageError, match=r"运行目录 .*file.* 不可用.*--runtime-dir"):
            prepare(tmp_path / "file")

    def test_a_second_engine_is_kept_out_until_the_first_one_ends(self, tmp_path: Path) -> None:
        held = lock(tmp_path)
        with pytest.raises(StateError, match="正被另一个引擎使用"):
            lock(tmp_path)
        held.release()
        lock(tmp_path).release()
