"""The node's settings: `node.toml` in its data directory. A wrong key is answered with the one that was meant."""

import json
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from players.node.errors import SettingsWrong

FILE_NAME = "node.toml"
OutputName = Literal["portaudio", "vlc", "record", "silent"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ServerSection(_Section):
    """Where the commune's server is."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^/?#]+$")]
    """Scheme, host and port, without a path; for example `http://10.0.0.2:8000`."""
    authority: Literal["commune", "machine"] = "commune"
    """Whose certificate an `https` server has to show: the commune's own authority's, or one that this board knows."""


class OutputSection(_Section):
    """What the node plays on."""

    name: OutputName = "portaudio"
    """`portaudio` (clips), `vlc` (clips and streams), `record` (a WAV file in real time) or `silent`."""
    device: str | None = None
    """The sound device, as the output names it; none for the system's own choice."""
    record_to: Path | None = None
    """The WAV file of `record`; with `vlc`, take the decoded sound into this file instead of to a device."""
    stream: Literal["vlc"] | None = None
    """What plays a stream when a clip is not in the store at its minute; none: it is fetched and joined late."""

    @model_validator(mode="after")
    def _records_somewhere(self) -> Self:
        if self.name == "record" and self.record_to is None:
            raise ValueError("output 'record' needs record_to")
        if self.record_to is not None and self.name not in {"record", "vlc"}:
            raise ValueError(f"output {self.name!r} does not record")
        return self

    @property
    def stream_output(self) -> Literal["vlc"] | None:
        """What plays streams."""
        return "vlc" if self.name == "vlc" else self.stream


class AmplifierSection(_Section):
    """The amplifier's relay on a GPIO line of the board."""

    chip: str = "/dev/gpiochip0"
    """Which chip; `gpioinfo` lists them with their lines."""
    line: int | None = Field(default=None, ge=0, le=1023)
    """Which line of it drives the relay; none: the amplifier is always on, and not our affair."""
    active_low: bool = False
    """Whether the relay pulls when the line is low."""
    lead_ms: int = Field(default=300, ge=0, le=1500)
    """How long before the first sample it is opened, so that no syllable is swallowed."""
    hold_ms: int = Field(default=1000, ge=0, le=60_000)
    """How long after the last sample it stays open, so that it does not click between two parts."""


class ButtonSection(_Section):
    """A button on a GPIO line that starts what the commune has chosen for it, without the server."""

    chip: str = "/dev/gpiochip0"
    """Which chip."""
    line: int | None = Field(default=None, ge=0, le=1023)
    """Which line of it; none: there is no button."""
    active_low: bool = True
    """Whether the button pulls the line low."""
    debounce_ms: int = Field(default=50, ge=0, le=1000)
    """Changes that last shorter are none."""
    hold_s: float = Field(default=3.0, ge=1.0, le=30.0)
    """How long it must be held: a bump does nothing."""


class LocalPageSection(_Section):
    """The node's own small page on its network, for who holds a card."""

    port: int | None = Field(default=None, ge=0, le=65535)
    """Where it listens; none: there is no page."""
    host: str = "0.0.0.0"  # noqa: S104 - asked for by setting a port
    """On which of the board's addresses."""


class NeighboursSection(_Section):
    """Poles on the same LAN start together what was started at one of them."""

    enabled: bool = True
    """Whether they are heard and told."""
    port: int = Field(default=47474, ge=1, le=65535)
    """The UDP port, the same at all poles."""


class ClipsSection(_Section):
    """The clip store."""

    pull: bool = True
    """Fetch planned clips ahead of their minute. Without it the node plays from the stream."""
    max_bytes: int = Field(default=2 * 1024**3, ge=64 * 1024**2)
    """The store's size; beyond it, what is not cued and was not used longest goes."""
    ahead_hours: float = Field(default=48, gt=0, le=24 * 14)
    """How long before its minute a clip is fetched."""
    jitter_s: float = Field(default=30, ge=0, le=3600)
    """Fetches that have time are spread over this many seconds, so that not all poles ask at once."""


class ClockSection(_Section):
    """The node's time."""

    max_error_s: float = Field(default=2.0, gt=0, le=60)
    """A clock that may be wrong by more than this is not trusted: what is planned waits, emergencies sound."""


class NodeSettings(_Section):
    """All of `node.toml`."""

    server: ServerSection
    output: OutputSection = OutputSection()
    amplifier: AmplifierSection = AmplifierSection()
    button: ButtonSection = ButtonSection()
    local_page: LocalPageSection = LocalPageSection()
    neighbours: NeighboursSection = NeighboursSection()
    clips: ClipsSection = ClipsSection()
    clock: ClockSection = ClockSection()

    @model_validator(mode="after")
    def _can_play(self) -> Self:
        if not self.clips.pull and self.output.stream_output is None:
            raise ValueError("clips.pull = false needs an output that plays streams (output.stream = 'vlc')")
        return self


def load_settings(data_dir: Path) -> NodeSettings:
    """Read `node.toml`.

    Raises:
        SettingsWrong: it is missing, no TOML, or a key or value is wrong.
    """
    path = data_dir / FILE_NAME
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise SettingsWrong(
            f"{path} is missing: is this a node's directory? `loalang-node pair` makes it one"
        ) from error
    except OSError as error:
        raise SettingsWrong(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsWrong(f"{path}: {error}") from error
    try:
        return NodeSettings.model_validate(raw)
    except ValidationError as error:
        raise SettingsWrong(f"{path}: {_explain(error)}") from error


def write_settings(data_dir: Path, settings: NodeSettings) -> None:
    """Write `node.toml` with every value that is not none."""
    lines = []
    for section, values in settings.model_dump(mode="json", exclude_none=True).items():
        # A JSON string, number or boolean is the same in TOML.
        lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items()), ""]
    (data_dir / FILE_NAME).write_text("\n".join(lines), "utf-8")


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = [str(part) for part in first["loc"]]
    name = ".".join(where)
    if first["type"] != "extra_forbidden":
        return f"{name}: {first['msg']}" if name else first["msg"]
    meant = get_close_matches(name, _known_keys(), n=1, cutoff=0.5)
    return f"unknown key {name!r}" + (f"; did you mean {meant[0]!r}?" if meant else "")


def _known_keys() -> list[str]:
    keys = []
    for section, info in NodeSettings.model_fields.items():
        keys.append(section)
        if isinstance(info.annotation, type) and issubclass(info.annotation, _Section):
            keys += [f"{section}.{key}" for key in info.annotation.model_fields]
    return keys
