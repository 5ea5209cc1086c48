"""Gathers the facts of a run: from the server's database, the nodes' databases and terminals, and the recordings."""

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

import numpy as np
from sqlmodel import Session, col, select

from broadcast.airings import clips_of, deliveries_of
from broadcast.audit import first_broken
from broadcast.models import Broadcast, Bulletin, Node, StoredReport
from players.messages import Outcome, PlaybackReport
from players.node.state import report_id
from tests.crash.commune import RECORDING, Commune
from tests.crash.hearing import Recording, Sounding, find_soundings, load_recordings, words_of
from tests.crash.judge import OPEN, OVER, Facts, Told, is_report
from tests.crash.people import Ledger
from tests.crash.plan import NODES
from tts.chimes import Chime
from tts.clip_file import decode_clip
from tts.clip_store import ClipStore


def broadcasts_since(session: Session, since: datetime) -> list[Broadcast]:
    """What was put on the air by a run."""
    query = select(Broadcast).where(col(Broadcast.created_at) >= since).order_by(col(Broadcast.created_at))
    return list(session.exec(query))


def what_is_open(commune: Commune, since: datetime) -> str:
    """What has not come to rest yet; empty when all has."""
    waiting = [f"{told.node} holds {told.outcome}" for told in outboxes(commune)]
    with commune.look() as session:
        found = broadcasts_since(session, since)
        open_ = [
            f"{broadcast.id} is {broadcast.state}"
            for broadcast in found
            if broadcast.state not in OVER
            or any(delivery.state in OPEN for delivery in deliveries_of(session, broadcast.id))
        ]
        ids = {broadcast.id for broadcast in found}
    phases = [(node, *row) for node in NODES for row in _tracks(commune, node).items()]
    tracks = [f"{node}: {one} is {phase}" for node, one, phase in phases if one in ids and phase != "done"]
    return "; ".join([*waiting, *open_, *tracks])


def gather(
    commune: Commune,
    ledger: Ledger,
    since: datetime,
    until: datetime,
    earlier: Sequence[str],
    killed: Sequence[str],
    open_: str,
) -> Facts:
    """All that is known of a run.

    `earlier` are broadcasts of the run before: they must not sound again; `killed` whoever was, each as often.
    """
    announced = _announced(commune)
    with commune.look() as session:
        own = broadcasts_since(session, since)
        states = {one.id: (one.state.value, _states(session, one.id)) for one in own}
        slugs = {node.id: node.slug for node in session.exec(select(Node)).all()}
        stored = [
            Told(slugs[row.node_id], row.broadcast_id, row.outcome, row.report)
            for row in session.exec(select(StoredReport)).all()
        ]
        again = [one for name in earlier if (one := session.get(Broadcast, name)) is not None]
        soundings = _soundings(commune, session, own, since, until)
        for (node, name), heard in _soundings(commune, session, again, since, until).items():
            if heard:
                soundings[node, name] = heard
                states[name] = ("over before", {**dict.fromkeys(NODES, ""), node: "silent"})
        kept = _kept(session)
        broken = first_broken(session)
    return Facts(
        at_rest=not open_,
        why_not=open_,
        broadcasts=states,
        nodes=frozenset(NODES),
        soundings=soundings,
        killed=Counter(killed),
        announced=announced,
        stored=stored,
        waiting=outboxes(commune),
        done=frozenset(
            (node, name) for node in NODES for name, phase in _tracks(commune, node).items() if phase == "done"
        ),
        acknowledged=ledger.bulletins,
        kept=kept,
        emergencies=ledger.emergencies,
        asked_to_stop=ledger.asked_to_stop,
        stopped=ledger.stopped,
        broken_answers=ledger.broken_answers,
        broken_audit=broken,
    )


def _kept(session: Session) -> dict[str, dict[str, Any]]:
    broadcasts: dict[str | None, list[str]] = {}
    for broadcast in session.exec(select(Broadcast)).all():
        broadcasts.setdefault(broadcast.bulletin_id, []).append(broadcast.id)
    return {
        row.id: {
            "title": row.title,
            "script": row.script,
            "state": row.state.value,
            "broadcasts": broadcasts.get(row.id, []),
        }
        for row in session.exec(select(Bulletin)).all()
    }


def outboxes(commune: Commune) -> list[Told]:
    """The reports that the nodes have not been acknowledged."""
    found = []
    for node in NODES:
        for (body,) in _rows(commune, node, "SELECT body FROM outbox ORDER BY sequence"):
            report = PlaybackReport.from_json(body.encode())
            found.append(Told(node, report.broadcast, report.outcome.value, report.report))
    return found


def _states(session: Session, broadcast: str) -> dict[str, str]:
    slugs = {node.id: node.slug for node in session.exec(select(Node)).all()}
    return {slugs[one.node_id]: one.state.value for one in deliveries_of(session, broadcast)}


def _announced(commune: Commune) -> list[Told]:
    found = []
    for node in NODES:
        for event in commune.events(node):
            if is_report(event.get("event")):
                broadcast, outcome = str(event["broadcast"]), str(event["event"])
                found.append(Told(node, broadcast, outcome, _report_id(node, broadcast, outcome)))
    return found


def _report_id(node: str, broadcast: str, outcome: str) -> str:
    return report_id(node, broadcast, Outcome(outcome))


def _tracks(commune: Commune, node: str) -> dict[str, str]:
    """What a node knows of each broadcast: its phase."""
    return {name: json.loads(body)["phase"] for name, body in _rows(commune, node, "SELECT name, body FROM tracks")}


def _rows(commune: Commune, node: str, query: str) -> list[Any]:
    path = commune.node_dir(node) / "state.sqlite3"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
        return connection.execute(query).fetchall()


def _soundings(
    commune: Commune, session: Session, broadcasts: Sequence[Broadcast], since: datetime, until: datetime
) -> dict[tuple[str, str], list[Sounding]]:
    recordings: dict[str, list[Recording]] = {
        node: load_recordings(commune.sounding_files(node), since, until) for node in RECORDING
    }
    store = ClipStore(commune.root / "server" / "clips")
    found: dict[tuple[str, str], list[Sounding]] = {}
    for broadcast in broadcasts:
        clips = clips_of(session, broadcast.id)
        if not clips:
            continue
        sounds = [decode_clip(store.path_of(clip.sha256)) for clip in clips]  # of an emergency, chime and words apart
        samples = np.concatenate([np.asarray(sound.samples, dtype=np.float64) for sound in sounds])
        words, offset_s = words_of(samples, sounds[0].sample_rate, Chime(broadcast.urgency.value))
        for node in RECORDING:
            found[node, broadcast.id] = find_soundings(recordings[node], words, offset_s)
    return found
