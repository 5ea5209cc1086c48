"""How well and how fast bulletins are read, beside two open normalisers of Vietnamese.

    python -m tests.bench.bench_normalize [GOLD.tsv]

Ours is scored on our golden tables and, when it is there, on GOLD (also from the environment: GOLD); sea-g2p and
g2p-hamster are scored on the same rows in the same run, in an environment of their own under bench-out/normalize/.
What each got wrong is written there. Closes with one JSON line.
"""

import json
import os
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path

from tests.tts.normalize.golden import Row, read_table, rows
from tts.normalize import NORTH, READERS, Lexicon, normalize
from tts.normalize.assemble import assemble
from tts.normalize.canonical import iron
from tts.normalize.draft import Draft
from tts.normalize.segment import Words
from tts.spoken import SpokenText

OUT = Path("bench-out/normalize")
PACKAGES = ("sea-g2p==0.10.0", "g2p-hamster==0.2.8")
PATIENCE_S = 600
REPEATS = 5

SEA_G2P = """
import sys
from sea_g2p import Normalizer
reader = Normalizer(lang="vi")
for line in sys.stdin:
    print(reader.normalize(line.rstrip("\\n")).replace("\\n", " "))
"""
G2P_HAMSTER = """
import sys
from g2p_hamster import text_to_profile_v2_full
for line in sys.stdin:
    print(" ".join(unit["word"] for unit in text_to_profile_v2_full(line.rstrip("\\n"))["units"]))
"""

Speak = Callable[[list[str]], list[str]]


def say(text: str = "") -> None:
    """Write a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def ours(texts: list[str]) -> list[str]:
    """Say each text as we do."""
    return [normalize(text).spoken for text in texts]


def ours_without_words(texts: list[str]) -> list[str]:
    """Say each text as we would if underthesea parted no words: what its words are worth."""
    said = []
    for text in texts:
        canonical = iron(text)
        draft = Draft(canonical.text, Words(""), NORTH, Lexicon())
        for reader in READERS:
            draft.take(reader(draft))
        said.append(SpokenText(text, assemble(canonical, draft)).spoken)
    return said


def theirs(python: Path, program: str) -> Speak:
    """Give a speaker that runs `program` under another Python, a line in, a line out."""

    def speak(texts: list[str]) -> list[str]:
        done = subprocess.run(
            [python, "-X", "utf8", "-c", program],
            input="".join(f"{text}\n" for text in texts),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=PATIENCE_S,
            check=True,
        )
        return done.stdout.removesuffix("\n").split("\n")

    return speak


def other_python() -> Path | None:
    """Make the environment of the others; None, loudly, when their packages cannot be had."""
    home = OUT / "venv"
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
    say(f"installing {', '.join(PACKAGES)} …")
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    if done.returncode:
        say(f"NOT COMPARED: {done.stderr.strip()[-300:]}")
        return None
    return python


def score(name: str, table: list[Row], speak: Speak, report: Path) -> float:
    """Score a speaker on a table, write what it got wrong to `report`, and give its share of lines right."""
    said = speak([row.written for row in table])
    right: dict[str, list[bool]] = {}
    wrong = []
    for row, spoken in zip(table, said, strict=True):
        good = row.accepts(spoken)
        right.setdefault(row.category, []).append(good)
        if not good:
            wrong.append(f"{row.category}\t{row.written}\t{row.spoken}\t{spoken}\n")
    report.write_text("# category\twritten\tgold\tsaid\n" + "".join(wrong), encoding="utf-8")
    share = 1 - len(wrong) / len(table)
    say(f"{name}: {len(table) - len(wrong)}/{len(table)} lines right ({100 * share:.1f} %)")
    for category, results in right.items():
        if not all(results):
            say(f"    {category:14} {sum(results):4}/{len(results)}")
    return round(share, 4)


def milliseconds_per_thousand(text: str) -> float:
    """Give the least processor time for 1,000 characters of `text`, read as one bulletin, in ms."""
    normalize(text)
    times = []
    for _ in range(REPEATS):
        begun = time.process_time()
        normalize(text)
        times.append(time.process_time() - begun)
    return round(min(times) * 1e6 / len(text), 2)


def main() -> None:
    """Run the bench."""
    OUT.mkdir(parents=True, exist_ok=True)
    gold_path = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("GOLD", ""))
    own = rows()
    accuracy = score("ours, our tables", own, ours, OUT / "wrong-ours.tsv")
    score("ours without words, our tables", own, ours_without_words, OUT / "wrong-without-words.tsv")
    dev: float | None = None
    sea: float | None = None
    if gold_path.is_file():
        gold = read_table(gold_path)
        dev = score("ours, GOLD", gold, ours, OUT / "wrong-ours-gold.tsv")
        python = other_python()
        if python is not None:
            sea = score("sea-g2p, GOLD", gold, theirs(python, SEA_G2P), OUT / "wrong-sea-g2p-gold.tsv")
            score("g2p-hamster, GOLD", gold, theirs(python, G2P_HAMSTER), OUT / "wrong-g2p-hamster-gold.tsv")
            score("sea-g2p, our tables", own, theirs(python, SEA_G2P), OUT / "wrong-sea-g2p.tsv")
            score("g2p-hamster, our tables", own, theirs(python, G2P_HAMSTER), OUT / "wrong-g2p-hamster.tsv")
    else:
        say(f"NO GOLD TABLE at {gold_path}: our tables only")
    bulletin = "\n".join(row.written for row in own if row.category == "mixed")[:10_000]
    result = {
        "accuracy": accuracy,
        "dev_accuracy": dev,
        "sea_g2p_dev_accuracy": sea,
        "ms_per_1000_chars": milliseconds_per_thousand(bulletin),
    }
    (OUT / "result.json").write_text(json.dumps(result) + "\n", encoding="utf-8")
    say(json.dumps(result))


if __name__ == "__main__":
    main()
