"""Reading a Dockerfile as far as our tests ask."""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Stage:
    """One `FROM` with what follows it, as (instruction, rest of the line) with continued lines joined."""

    base: str
    steps: tuple[tuple[str, str], ...]

    def all(self, instruction: str) -> list[str]:
        """What follows each `instruction`."""
        return [rest for name, rest in self.steps if name == instruction]

    def one(self, instruction: str) -> str:
        """What follows the only `instruction`."""
        (rest,) = self.all(instruction)
        return rest

    def command(self, instruction: str) -> list[str]:
        """The words of an `ENTRYPOINT`, `CMD` or `HEALTHCHECK … CMD` in its form without a shell."""
        words = json.loads(self.one(instruction)[self.one(instruction).index("[") :])
        assert all(isinstance(word, str) for word in words)
        return list(words)

    def environment(self) -> dict[str, str]:
        """All `ENV`."""
        pairs = [word.partition("=") for rest in self.all("ENV") for word in shlex.split(rest)]
        return {name: value for name, _, value in pairs}

    def packages(self) -> set[str]:
        """Debian packages that are installed."""
        calls = [re.search(r"apt-get install ([^&|;]*)", rest) for rest in self.all("RUN")]
        return {word for call in calls if call for word in call[1].split() if not word.startswith("-")}


def read_dockerfile(path: Path) -> tuple[dict[str, str], list[Stage]]:
    """The `ARG` before the first `FROM` with their defaults, and the stages."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    steps = [(name.upper(), rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]
    starts = [index for index, (name, _) in enumerate(steps) if name == "FROM"]
    arguments = dict(rest.split("=", 1) for name, rest in steps[: starts[0]] if name == "ARG")
    ends = [*starts[1:], len(steps)]
    return arguments, [Stage(steps[a][1], tuple(steps[a + 1 : b])) for a, b in zip(starts, ends, strict=True)]
