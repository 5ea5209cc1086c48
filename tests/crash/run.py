"""One run, and a batch of runs in one commune: people at work, blows from a plan, rest, a verdict, a journal."""

import asyncio
import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from scheduler.clock import utc_now
from tests.crash.commune import Commune, running
from tests.crash.evidence import broadcasts_since, gather, what_is_open
from tests.crash.judge import Facts, Finding, Kind, judge
from tests.crash.people import People, Refused
from tests.crash.plan import Aired, Cut, Kill, RunPlan, plan_run

REST_WITHIN_S = 600.0
"""A limit, no promise: on a machine that is busy with other things a text at SCHED_IDLE waits to be spoken."""
_LOOK_EVERY_S = 0.5
_BETWEEN_LOOKS_S = 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a run."""

    seed: int
    findings: tuple[Finding, ...]
    took_s: float


class Journal:
    """What happened in a run, one JSON object a line, written as it happens."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._begun_at = utc_now()
        path.write_text("")

    @property
    def took_s(self) -> float:
        """How long it has been written."""
        return (utc_now() - self._begun_at).total_seconds()

    def say(self, what: str, **more: Any) -> None:
        """A line."""
        at = utc_now()
        line = {"at": at.isoformat(), "t": round((at - self._begun_at).total_seconds(), 2), "what": what, **more}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


async def run_batches(
    seeds: Sequence[int], out: Path, *, communes: int, longest_cut_s: float, told: Callable[[Verdict], None]
) -> list[Verdict]:
    """Run all seeds, in so many communes side by side."""
    batches = [seeds[first::communes] for first in range(communes)]
    done = await asyncio.gather(*(run_batch(batch, out, longest_cut_s, told) for batch in batches if batch))
    return [verdict for batch in done for verdict in batch]


async def run_batch(
    seeds: Iterable[int], out: Path, longest_cut_s: float, told: Callable[[Verdict], None]
) -> list[Verdict]:
    """Run seeds one after another in one commune. Where something was found, the commune's files are kept."""
    verdicts = []
    root = Path(tempfile.mkdtemp(prefix="loalang-crash-"))
    try:
        async with running(root / "commune") as commune:
            earlier: list[str] = []
            for seed in seeds:
                verdict, earlier = await run_one(commune, plan_run(seed, longest_cut_s), out, earlier)
                verdicts.append(verdict)
                told(verdict)
    finally:
        found = [verdict.seed for verdict in verdicts if verdict.findings]
        if found or not verdicts:
            kept = out / f"commune-{'-'.join(map(str, found)) or 'not-started'}"[:100]
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(root, kept, dirs_exist_ok=True)
        shutil.rmtree(root)
    return verdicts


async def run_one(commune: Commune, plan: RunPlan, out: Path, earlier: Sequence[str]) -> tuple[Verdict, list[str]]:
    """One run; the verdict, and the broadcasts it made."""
    journal = Journal(out / f"run-{plan.seed:05}.jsonl")
    journal.say("begin", plan=plan.told())
    since = utc_now()
    people = People(commune.base_url, commune.tokens, journal.say, utc_now)
    broken = ""
    watching = asyncio.create_task(_watch(commune, people, journal))
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_work(people, plan))
            for blow in plan.blows:
                tasks.create_task(_strike(commune, blow, journal))
    except* (Refused, TimeoutError) as group:
        broken = f"the people could not go on: {group.exceptions[0]!r}"
        journal.say(broken)
    try:
        open_ = await _rest(commune, people, since, journal)
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        await people.close()
    killed = [victim for blow in plan.blows if isinstance(blow, Kill) for victim in blow.victims]
    facts = await asyncio.to_thread(gather, commune, people.ledger, since, utc_now(), earlier, killed, broken or open_)
    findings = tuple(judge(facts))
    _write_facts(journal, facts)
    journal.say("verdict", findings=[asdict(finding) for finding in findings])
    with commune.look() as session:
        own = [broadcast.id for broadcast in broadcasts_since(session, since)]
    return Verdict(plan.seed, findings, journal.took_s), own


def summary(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """The one line at the end."""
    found = [finding.kind for verdict in verdicts for finding in verdict.findings]
    return {"runs": len(verdicts), **{kind.value: found.count(kind) for kind in Kind}}


async def _work(people: People, plan: RunPlan) -> None:
    await people.write_draft(f"Nháp {plan.seed}", plan.draft)
    key = f"crash-{plan.seed:08}"
    if plan.aired is Aired.EMERGENCY:
        await people.raise_emergency(plan.emergency, key)
        return
    ahead_s = plan.ahead_s if plan.aired is Aired.PLANNED else None
    title = f"Bản tin {plan.seed}"
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(people.air_bulletin(title, plan.script, ahead_s))
        if plan.aired in {Aired.PREEMPTED, Aired.STOPPED}:
            await asyncio.sleep(plan.second_at_s)
        if plan.aired is Aired.PREEMPTED:
            await people.raise_emergency(plan.emergency, key)
        if plan.aired is Aired.STOPPED:
            await people.stop_bulletin(title)


async def _strike(commune: Commune, blow: Kill | Cut, journal: Journal) -> None:
    await asyncio.sleep(blow.at_s)
    if isinstance(blow, Cut):
        journal.say("cut", node=blow.node, freeze=blow.freeze)
        await commune.cut(blow.node, freeze=blow.freeze)
        await asyncio.sleep(blow.for_s)
        await commune.mend(blow.node)
        journal.say("mended", node=blow.node)
        return
    for victim in blow.victims:
        journal.say("killed" if await commune.kill(victim) else "not there to be killed", victim=victim)
    await asyncio.sleep(blow.back_after_s)
    for victim in blow.victims:
        if victim in commune.units:
            await commune.units[victim].start()
            journal.say("started again", victim=victim)


async def _watch(commune: Commune, people: People, journal: Journal) -> None:
    """Write down what the server says is broken, whenever it says something else."""
    before = None
    while True:
        wrong = await commune.what_is_wrong(people.http)
        if wrong != before:
            journal.say("seen", wrong=wrong)
        before = wrong
        await asyncio.sleep(_LOOK_EVERY_S)


async def _rest(commune: Commune, people: People, since: datetime, journal: Journal) -> str:
    """Wait until everything is back and all has come to an end; what has not, when the time is over."""
    open_ = "nothing was looked at"
    quiet = 0
    loop = asyncio.get_running_loop()
    deadline = loop.time() + REST_WITHIN_S
    while loop.time() < deadline:
        before = open_
        open_ = await commune.what_is_wrong(people.http) or await asyncio.to_thread(what_is_open, commune, since)
        if open_ != before:
            journal.say("open" if open_ else "at rest", open=open_)
        # Twice at rest: what is just being sent when we look is seen the second time.
        quiet = quiet + 1 if not open_ else 0
        if quiet > 1:
            return ""
        await asyncio.sleep(_BETWEEN_LOOKS_S if not open_ else _LOOK_EVERY_S)
    return open_


def _write_facts(journal: Journal, facts: Facts) -> None:
    journal.say("broadcasts", seen={name: {"state": one[0], **one[1]} for name, one in facts.broadcasts.items()})
    for (node, broadcast), soundings in facts.soundings.items():
        heard = [{"begun_at": sounding.begun_at.isoformat(), "part": sounding.part} for sounding in soundings]
        journal.say("heard", node=node, broadcast=broadcast, soundings=heard)
    own = [told for told in facts.stored if told.broadcast in facts.broadcasts]
    journal.say("stored", reports=[f"{told.node} {told.outcome} {told.broadcast}" for told in own])
