"""The state on disk: what was stored is what is found, together with the reports that tell of it."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from players.messages import PlaybackReport
from players.node.clock import KeptTime
from players.node.errors import StoreDamaged, StoreUnusable
from players.node.events import Progress
from players.node.in_memory import memory_folder
from players.node.rate import Rate
from players.node.state import NodeState
from players.node.state_file import open_state
from players.node.store import NodeStore
from tests.fakes.sick_card import mount_read_only
from tests.fakes.small_disk import small_disk
from tests.players.node.pole import DAWN, Pole, item, seconds
from tests.players.node.test_state import play, ready, stop, timetable


def blank(pole: Pole) -> NodeState:
    return NodeState("dong-1", pole.state.commune, pole.state.zones, pole.state.abilities)


def reopened(path: Path, pole: Pole) -> NodeState:
    store = NodeStore(path)
    state = store.load(blank(pole))
    store.close()
    return state


def test_everything_the_node_decides_by_comes_back(tmp_path: Path) -> None:
    pole = ready()
    at = pole.now + seconds(3)
    pole.feed(timetable(1, item("a", at), item("b", at + seconds(600), stream=True)))
    pole.feed(play("o", item("c", at), pole.now), stop("s", pole.now, "never")).run(4)
    store = NodeStore(tmp_path / "state.sqlite3")
    store.load(blank(pole))
    store.save(pole.state, pole.reports)
    store.close()
    expected = replace(pole.state, clips=frozenset(), trusted_since=None)
    assert reopened(tmp_path / "state.sqlite3", pole) == expected


def test_a_second_save_writes_what_changed_and_removes_what_is_gone(tmp_path: Path) -> None:
    pole = ready()
    store = NodeStore(tmp_path / "state.sqlite3")
    store.load(blank(pole))
    pole.feed(timetable(1, item("a", pole.now + seconds(3))))
    store.save(pole.state, ())
    pole.run(10).feed(timetable(2)).run(25 * 3600).feed(timetable(3))
    assert "a" not in pole.state.tracks
    store.save(pole.state, ())
    store.close()
    assert reopened(tmp_path / "state.sqlite3", pole).tracks == pole.state.tracks


def test_reports_stay_in_order_until_acknowledged_and_are_there_once(tmp_path: Path) -> None:
    pole = ready()
    pole.feed(timetable(1, item("a", pole.now + seconds(3)))).run(20)
    store = NodeStore(tmp_path / "state.sqlite3")
    store.load(blank(pole))
    store.save(pole.state, pole.reports)
    store.save(pole.state, pole.reports)
    pending, count = store.pending(10)
    assert (pending, count) == (pole.reports, 4)
    store.acknowledged([pole.reports[0].report, "r-unknown"])
    assert store.pending(2) == (pole.reports[1:3], 3)
    store.close()


def test_a_full_outbox_keeps_the_ends_and_lets_the_oldest_of_the_rest_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("players.node.outbox.MOST_REPORTS", 5)
    pole = ready()
    pole.feed(timetable(1, item("a", pole.now + seconds(3)), item("b", pole.now + seconds(30)))).run(60)
    store = NodeStore(tmp_path / "state.sqlite3")
    store.load(blank(pole))
    store.save(pole.state, pole.reports)
    kept, count = store.pending(10)
    assert (count, [(one.broadcast, one.outcome.value) for one in kept]) == (
        5,
        [("b", "cued"), ("a", "playing"), ("a", "played"), ("b", "playing"), ("b", "played")],
    )
    store.close()


def test_a_save_that_fails_leaves_the_former_state_and_no_report(tmp_path: Path) -> None:
    pole = ready()
    store = NodeStore(tmp_path / "state.sqlite3")
    store.load(blank(pole))
    store.save(pole.state, ())
    former = pole.state
    pole.feed(timetable(1, item("a", pole.now + seconds(3)))).run(20)
    reports: list[PlaybackReport] = pole.reports
    store._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreUnusable, match="cannot be written"):
        store.save(pole.state, reports)
    store._connection.execute("PRAGMA query_only = OFF")
    assert store.pending(10) == ([], 0)
    assert store.load(blank(pole)).tracks == former.tracks
    store.save(pole.state, reports)
    assert store.pending(10)[1] == len(reports)
    store.close()


def test_what_is_known_of_the_time_and_of_what_sounds_is_kept(tmp_path: Path) -> None:
    store = NodeStore(tmp_path / "state.sqlite3")
    assert (store.kept_time(), store.progress()) == (None, None)
    known = KeptTime(DAWN, 0.25, DAWN, "boot-1", 3600.5, -1.5, Rate(12e-6, 3e-6))
    for at in (DAWN, DAWN + seconds(1)):
        store.keep_time(known)
        store.keep_progress(Progress("a", 2, at))
    store.close()
    store = NodeStore(tmp_path / "state.sqlite3")
    assert (store.kept_time(), store.progress()) == (known, Progress("a", 2, DAWN + seconds(1)))
    store.close()


def written(path: Path, statement: str, *values: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, values)


def kept_by(pole: Pole, path: Path) -> Path:
    store = NodeStore(path)
    store.load(blank(pole))
    store.save(pole.state, pole.reports)
    store.close()
    return path


@pytest.mark.parametrize("damage", ["{}", '{"phase": 7}', "\\x00", ""])
def test_a_row_that_cannot_be_read_is_forgotten_and_the_rest_is_not(tmp_path: Path, damage: str) -> None:
    pole = ready()
    pole.feed(timetable(1, item("a", pole.now + seconds(3)), item("b", pole.now + seconds(600))))
    path = kept_by(pole, tmp_path / "state.sqlite3")
    written(path, "UPDATE tracks SET body = ? WHERE name = 'a'", damage)
    store = NodeStore(path)
    state = store.load(blank(pole))
    assert (set(state.tracks), state.config, state.timetables) == ({"b"}, pole.state.config, pole.state.timetables)
    assert (store.trouble, store.has_forgotten) == ("damaged places of the state are forgotten: tracks 'a'", True)
    store.close()
    store = NodeStore(path)
    assert store.load(blank(pole)).tracks == state.tracks
    assert (store.trouble, store.has_forgotten) == (None, False), "said once"
    store.close()


def test_bytes_that_are_no_text_are_forgotten_too(tmp_path: Path) -> None:
    pole = ready()
    pole.feed(timetable(1, item("a", pole.now + seconds(3)), item("b", pole.now + seconds(600))))
    path = kept_by(pole, tmp_path / "state.sqlite3")
    written(path, "UPDATE tracks SET body = CAST(x'ff7b7d' AS TEXT) WHERE name = 'a'")
    assert set(reopened(path, pole).tracks) == {"b"}


def test_a_document_that_cannot_be_read_is_taken_again(tmp_path: Path) -> None:
    pole = ready()
    pole.feed(timetable(7, item("a", pole.now + seconds(3))))
    path = kept_by(pole, tmp_path / "state.sqlite3")
    written(path, "UPDATE documents SET body = '[]' WHERE name LIKE 'timetable/%'")
    store = NodeStore(path)
    state = store.load(blank(pole))
    assert (state.timetables, state.orders, store.has_forgotten) == ({}, pole.state.orders, False)
    assert not any(name.startswith("timetable/") for name in state.versions)
    assert state.versions["config"] == pole.state.versions["config"]
    store.close()


def test_a_time_that_cannot_be_read_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    NodeStore(path).close()
    written(path, "INSERT INTO facts VALUES ('time', '{}')")
    store = NodeStore(path)
    assert store.kept_time() is None
    assert store.trouble == "the time on disk is damaged, and forgotten"
    store.close()


def spoiled(path: Path) -> None:
    """Its pages, but not the first, which says what it is."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))


@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(b"no database at all" * 100), spoiled])
def test_a_file_that_is_damaged_is_laid_aside_and_the_pole_begins_with_nothing(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    pole = ready()
    pole.feed(timetable(1, item("a", pole.now + seconds(3))))
    path = kept_by(pole, tmp_path / "state.sqlite3")
    spoil(path)
    damaged = path.read_bytes()
    with pytest.raises(StoreDamaged):
        NodeStore(path)
    store = open_state(path, None)
    assert store.load(blank(pole)) == blank(pole)
    assert store.has_forgotten
    assert "laid aside as damaged-state.sqlite3" in (store.trouble or "")
    assert (tmp_path / "damaged-state.sqlite3").read_bytes() == damaged
    store.save(pole.state, ())
    store.close()
    assert reopened(path, pole).tracks == pole.state.tracks


def test_from_a_card_that_cannot_be_written_it_is_copied_into_memory_with_what_was_written_last(tmp_path: Path) -> None:
    pole, memory = ready(), tmp_path / "memory"
    memory.mkdir()
    path = kept_by(pole, tmp_path / "state.sqlite3")
    pole.feed(timetable(1, item("a", pole.now + seconds(3))))
    with small_disk(tmp_path / "card", 2048) as card:
        written_last = NodeStore(path)
        written_last.load(blank(pole))
        written_last.save(pole.state, ())
        for file in tmp_path.glob("state.sqlite3*"):  # as a power cut leaves them: the last is not in the first yet
            shutil.copy(file, card)
        written_last.close()
        mount_read_only(card)
        with pytest.raises(StoreUnusable, match="Read-only"):
            open_state(card / path.name, None)
        store = open_state(card / path.name, memory)
        assert store.load(blank(pole)).tracks == pole.state.tracks
        assert store.has_forgotten
        assert "Read-only file system: until the next start what happens is kept in memory only" in str(store.trouble)
        pole.run(20)
        store.save(pole.state, pole.reports)
        assert store.pending(10)[1] == len(pole.reports)
        store.close()


def test_a_copy_of_what_cannot_be_read_begins_with_nothing(tmp_path: Path) -> None:
    """The place of the card where it lies gives an error, or what was copied is cut short."""
    pole, card, memory = ready(), tmp_path / "card", tmp_path / "memory"
    card.mkdir()
    memory.mkdir()
    path = kept_by(pole, card / "state.sqlite3")
    os.truncate(path, 9000)
    with small_disk(tmp_path / "other", 256) as other:
        shutil.copy(path, other)
        mount_read_only(other)
        store = open_state(other / path.name, memory)
        assert store.load(blank(pole)) == blank(pole)
        assert store.has_forgotten
        store.close()


def test_what_a_killed_process_left_in_memory_is_removed_and_what_another_uses_is_not(tmp_path: Path) -> None:
    (tmp_path / "loalang-node-killed").mkdir()
    (tmp_path / "loalang-node-killed" / "state.sqlite3").write_bytes(b"x")
    with memory_folder(tmp_path) as first, memory_folder(tmp_path) as second:
        assert first is not None
        assert second is not None
        assert set(tmp_path.iterdir()) == {first, second}
        assert first.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == []
    with memory_folder(tmp_path / "nowhere") as folder:
        assert folder is None
