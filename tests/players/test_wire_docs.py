"""docs/wire.md, the frozen examples and the classes say the same, and an old example is still read as it was."""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from players import messages
from players.messages import (
    MAX_CLIP_BYTES,
    MAX_CLIPS,
    MAX_PUSHED_CLIP_BYTES,
    ClipRef,
    CuedBroadcast,
    DataUsage,
    Message,
    OfflineCard,
    Order,
    Outcome,
    PoleKey,
    PreparedMessage,
    Reason,
    RelayPart,
    Volume,
    Window,
    ZoneRules,
)
from players.signing import MAX_DOCUMENT_BYTES, MAX_ORDER_BYTES, CommuneKey, NodeKey, open_signed, sign
from players.tickets import check_ticket, make_ticket, ticket_subject
from players.uplink import MAX_BYTES, read_from_node
from tests.players.samples import ALL, NODE, PLAIN, PRESENCE, SIGNED, TOPICS

DOCS = Path(__file__).parents[2] / "docs" / "wire.md"
DATA = Path(__file__).parents[1] / "data" / "wire"
PAGE = DOCS.read_text()
SECTIONS = {match[1]: match[2] for match in re.finditer(r"^### (\w+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)}
PARTS = {ClipRef, CuedBroadcast, DataUsage, OfflineCard, PoleKey, PreparedMessage, RelayPart, Volume, Window, ZoneRules}
TRAVELLING = {
    kind.__name__: kind
    for kind in vars(messages).values()
    if isinstance(kind, type)
    and issubclass(kind, Message)
    and kind not in {Message, Order, *PARTS}
    and not kind.__name__.startswith("_")
}
BY_NAME = {type(message).__name__: message for message in ALL}
TOPIC_OF = {type(message).__name__: topic for topic, message in {**SIGNED, **PLAIN}.items()}


def frozen(name: str) -> dict[str, Any]:
    example: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text())
    return example


def key(name: str) -> OKPKey:
    return OKPKey.import_key(json.loads((DATA / "keys" / f"{name}.json").read_text()))


def rows(text: str) -> list[str]:
    """The first column of the tables of a text."""
    return re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE)


def test_every_message_has_one_example_one_section_and_one_file() -> None:
    files = {path.stem for path in DATA.glob("[A-Z]*.json")}
    assert set(TRAVELLING) == set(SECTIONS) == set(BY_NAME) == files


@pytest.mark.parametrize("name", sorted(TRAVELLING))
def test_the_page_names_every_field_and_no_other(name: str) -> None:
    section = SECTIONS[name].split("```")[0]
    assert sorted(rows(section)) == sorted(TRAVELLING[name].model_fields)


@pytest.mark.parametrize("name", sorted(TRAVELLING))
def test_the_page_shows_the_frozen_example(name: str) -> None:
    shown = re.findall(r"```json\n(.*?)```", SECTIONS[name], re.DOTALL)
    assert [json.loads(one) for one in shown] == [frozen(name)["message"]]


@pytest.mark.parametrize("name", sorted(TRAVELLING))
def test_a_frozen_example_is_read_and_written_as_it_was(name: str) -> None:
    example = frozen(name)
    message = TRAVELLING[name].from_json(json.dumps(example["message"]).encode())
    assert message == BY_NAME[name]
    assert json.loads(message.to_json()) == example["message"]
    assert example.get("topic") == TOPIC_OF.get(name)


@pytest.mark.parametrize("name", sorted(type(message).__name__ for message in SIGNED.values()))
def test_a_frozen_signature_is_made_and_opened_as_it_was(name: str) -> None:
    example, commune = frozen(name), CommuneKey(key("commune"))
    jws, topic = example["jws"].encode(), example["topic"]
    assert sign(BY_NAME[name], commune, topic) == jws
    assert open_signed(jws, [commune.public_jwk()], TRAVELLING[name], topic) == BY_NAME[name]


def test_a_frozen_ticket_opens_its_door() -> None:
    example, node = frozen("ticket"), NodeKey(key("node"))
    at = datetime.fromisoformat(example["at"])
    assert make_ticket(node, example["node"], example["path"], at, example["lifetime_s"]) == example["jwt"]
    assert ticket_subject(example["jwt"]) == example["node"]
    assert check_ticket(example["jwt"], node.public_jwk(), example["path"], at) == example["node"]


def test_the_frozen_sign_of_life_is_read_as_it_was() -> None:
    example = frozen("as-it-was")
    assert example == {"topic": TOPICS.heartbeat(NODE), "retained": False, "payload": messages.AS_IT_WAS.decode()}
    assert read_from_node(NODE, "heartbeat", example["payload"].encode()) == PRESENCE
    assert "**an empty payload**" in SECTIONS["Heartbeat"]
    assert "`as-it-was.json`" in PAGE


def test_the_page_names_every_outcome_and_reason() -> None:
    named = set(rows(PAGE.split("### PlaybackReport")[1].split("### ")[0]))
    assert named >= {*Outcome, *Reason}
    assert set(rows(PAGE.split("| outcome |")[1].split("\n\n")[0])) == set(Outcome)
    assert set(rows(PAGE.split("| reason |")[1].split("\n\n")[0])) == set(Reason)


def test_the_page_names_the_parts() -> None:
    parts = PAGE.split("## Parts")[1].split("\n## ")[0]
    own_of_volume = Volume.model_fields.keys() - Window.model_fields.keys()
    fields = [*CuedBroadcast.model_fields, *ClipRef.model_fields, *Window.model_fields, *own_of_volume]
    assert sorted(rows(parts)) == sorted(
        [
            *fields,
            *RelayPart.model_fields,
            *ZoneRules.model_fields,
            *PreparedMessage.model_fields,
            *DataUsage.model_fields,
            *PoleKey.model_fields,
            *OfflineCard.model_fields,
        ]
    )


def test_the_page_names_every_topic() -> None:
    prefix = f"{TOPICS.base}/"
    mine = {
        topic.removeprefix(prefix)
        for topic in (
            *TOPICS.for_zone("<zone>"),
            *TOPICS.for_node("<node>"),
            *TOPICS.from_node("<node>"),
        )
    }
    named = re.findall(r"^\| `((?:zones|nodes)/\S+)` \| (up|down) \|", PAGE, re.MULTILINE)
    assert {topic for topic, _ in named} == {topic.replace("+", "<sha256>") for topic in mine}
    assert {topic for topic, way in named if way == "up"} == {
        topic.removeprefix(prefix) for topic in TOPICS.from_node("<node>")
    }


def test_the_page_names_the_right_limits() -> None:
    limits = {
        topic.rsplit("/", 1)[1]: int(number) * {"KiB": 1024, "MiB": 1024**2}[unit]
        for topic, number, unit in re.findall(r"^\| `(\S+)` \|.*\| (\d+) (KiB|MiB) \|$", PAGE, re.MULTILINE)
    }
    assert {kind: limits[kind] for kind in MAX_BYTES} == dict(MAX_BYTES)
    assert limits["orders"] == MAX_ORDER_BYTES
    assert limits["timetable"] == limits["emergencies"] == limits["config"] == MAX_DOCUMENT_BYTES
    assert limits["<sha256>"] == MAX_PUSHED_CLIP_BYTES
    assert f"1 to {MAX_CLIP_BYTES:,}" in PAGE
    assert f"list of clip, 1 to {MAX_CLIPS}" in PAGE


def test_the_largest_acknowledgement_fits_its_limit() -> None:
    largest = messages.ReportAck(reports=tuple("a" * 96 + f"{n:04}" for n in range(1000)))
    assert len(largest.to_json()) <= 128 * 1024
