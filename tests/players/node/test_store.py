"""The state on disk: what was stored is what is found, together with the reports that tell of it."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from players.messages import PlaybackReport
from players.node.clock import KeptTime
from players.node.errors import StoreUnusable
from players.node.events import Progress
from players.node.rate import Rate
from players.node.state import NodeState
from players.node.store import NodeStore
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


def test_a_damaged_file_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreUnusable):
        NodeStore(path)
    path.unlink()
    pole = ready()
    NodeStore(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO tracks VALUES ('a', '{}')")
    connection.close()
    store = NodeStore(path)
    with pytest.raises(StoreUnusable, match="cannot be read"):
        store.load(blank(pole))
    store.close()
