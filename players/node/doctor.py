"""`loalang-node doctor`: what is wrong with this pole, in words a technician uses, and what to do about it."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from players.errors import KeyUnusable
from players.node.clock import system_wall
from players.node.credentials import Credentials
from players.node.doctor_board import (
    check_amplifier,
    check_date,
    check_disk,
    check_memory,
    check_running,
    check_sound,
    check_volume,
    is_running,
    read_memory,
)
from players.node.doctor_line import check_broker, check_server
from players.node.doctor_words import Finding, Language, Level, Trouble, well, words_of, wrong
from players.node.errors import NotPaired, SettingsWrong
from players.node.pairing import load_identity
from players.node.settings import load_settings
from players.node.status import NodeStatus, load_status

_MARKS = {Level.OK: "ok   ", Level.HINT: "note ", Level.WRONG: "WRONG"}
_VIETNAMESE_MARKS = {Level.OK: "tốt    ", Level.HINT: "lưu ý  ", Level.WRONG: "HỎNG   "}


def examine(data_dir: Path) -> list[Finding]:
    """Everything there is to say of the pole in this directory. Takes up to a minute when nothing answers."""
    return asyncio.run(_examined(data_dir))


def is_sick(findings: Sequence[Finding]) -> bool:
    """Whether anything is wrong."""
    return any(finding.level is Level.WRONG for finding in findings)


def as_text(findings: Sequence[Finding], language: Language) -> str:
    """For people: a line for what is well, what to do under what is not."""
    marks = _VIETNAMESE_MARKS if language == "vi" else _MARKS
    lines = []
    for finding in findings:
        if finding.trouble is None:
            facts = ", ".join(f"{name} {value}" for name, value in finding.facts.items())
            lines.append(f"{marks[finding.level]}  {finding.check}: {facts}")
        else:
            words = words_of(finding.trouble, language, finding.facts)
            lines += [f"{marks[finding.level]}  {words.what}", f"{'':{len(marks[finding.level])}}  → {words.do}"]
    return "\n".join(lines)


def as_json(findings: Sequence[Finding], language: Language) -> str:
    """For programs: `{"ok", "findings": [{"check", "level", "code", "what", "do", "facts"}]}`."""
    return json.dumps(
        {"ok": not is_sick(findings), "findings": [_fields(finding, language) for finding in findings]},
        ensure_ascii=False,
        indent=1,
    )


def _fields(finding: Finding, language: Language) -> Mapping[str, object]:
    words = None if finding.trouble is None else words_of(finding.trouble, language, finding.facts)
    return {
        "check": finding.check,
        "level": finding.level,
        "code": finding.trouble,
        "what": None if words is None else words.what,
        "do": None if words is None else words.do,
        "facts": dict(finding.facts),
    }


async def _examined(data_dir: Path) -> list[Finding]:
    try:
        settings = load_settings(data_dir)
        credentials = Credentials(data_dir, *load_identity(data_dir))
    except SettingsWrong as error:
        trouble = Trouble.SETTINGS_WRONG if (data_dir / "node.toml").exists() else Trouble.NOT_PAIRED
        return [wrong("settings", trouble, why=str(error))]
    except NotPaired as error:
        return [wrong("pairing", Trouble.NOT_PAIRED, why=str(error))]
    except KeyUnusable as error:
        return [wrong("pairing", Trouble.KEY_UNUSABLE, why=str(error))]
    running = is_running(data_dir)
    status = (load_status(data_dir) or NodeStatus(connected=False)) if running else None
    return [
        well("pairing", node=credentials.node, commune=credentials.commune),
        check_running(data_dir, running=running),
        check_disk(data_dir),
        *_check_state(data_dir),
        await check_sound(settings.output, status),
        *check_volume(settings.output),
        *check_amplifier(settings.amplifier, status, data_dir),
        *await check_server(settings.server, credentials),
        await check_broker(credentials, status),
    ]


def _check_state(data_dir: Path) -> list[Finding]:
    now = system_wall()
    try:
        memory = read_memory(data_dir)
    except ValueError as error:
        return [wrong("state", Trouble.STATE_DAMAGED, why=str(error))]
    return [*check_memory(memory, now), check_date(memory.last_good_time, now)]
