"""What may be set before the server starts: a TOML file, then the environment (`LOALANG_HTTP__PORT=8080`).

Rules of the commune (hours, voice, speed) are not here: they are in its database.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import time
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from broadcast.models import Role
from players.broker_config import SECRETS_FILE

ENV_PREFIX = "LOALANG_"
DATABASE_FILE = "loalang.sqlite3"
SETTINGS_FILE = ENV_PREFIX + "SETTINGS"
"""Names the TOML file when none is given on the command line."""
_MAIL_ADDRESS = re.compile(r"[^\s@<>,;:\"]{1,64}@[^\s@<>,;:\"]{1,250}")
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class SettingsError(Exception):
    """The settings cannot be used; the text says which one and what was meant."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class HttpSettings(_Section):
    """`[http]`: where browsers, programs and nodes reach the server."""

    host: str = "127.0.0.1"
    """Address to listen on. `0.0.0.0` opens the server to the office's network."""
    port: int = Field(default=8000, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    tls: Literal["auto", "own-ca", "off"] = "auto"
    """`own-ca`: TLS by the commune's own authority, which poles are given at pairing; `auto`: so beyond this machine"""
    names: tuple[str, ...] = ()
    """Further host names and addresses for the certificate of `own-ca`; this machine's own are in it."""
    tls_cert: Path | None = None
    """Certificate chain (PEM). With `tls_key`: the server speaks TLS itself."""
    tls_key: Path | None = None
    """The certificate's private key (PEM)."""
    tls_by_proxy: bool = False
    """A reverse proxy in front speaks TLS: cookies become Secure and HSTS is sent."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed; never `*`."""
    plain_on_network: bool = False
    """Allow `host` beyond this machine without TLS: whoever listens on the network can then read passwords."""
    max_body_bytes: int = Field(default=2 * 1024 * 1024, ge=1024, le=64 * 1024 * 1024)
    """Longest request body that is read."""
    max_live_clients: int = Field(default=200, ge=1, le=10_000)
    """Open live pages at once; further ones are told to try again."""

    @field_validator("trusted_proxies", "names", mode="before")
    @classmethod
    def _from_one_line(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach the server by TLS."""
        return self.tls_cert is not None or self.tls_by_proxy or self.uses_own_ca

    @property
    def is_on_network(self) -> bool:
        """Whether other machines reach the server."""
        return self.host not in LOOPBACK

    @property
    def uses_own_ca(self) -> bool:
        """Whether the server speaks TLS by the commune's own authority."""
        has_other_way = self.tls_cert is not None or self.tls_by_proxy or self.plain_on_network
        return self.tls == "own-ca" or (self.tls == "auto" and self.is_on_network and not has_other_way)

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if "*" in self.trusted_proxies:
            raise ValueError("trusted_proxies = * lets anybody say who he is: name the proxy's address")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together")
        if self.tls == "own-ca" and (self.tls_cert is not None or self.tls_by_proxy):
            raise ValueError("tls = own-ca, tls_cert and tls_by_proxy are three ways to the same: choose one")
        if self.is_on_network and not self.is_secure and not self.plain_on_network:
            raise ValueError(
                f"host {self.host} without TLS lets others read passwords: "
                "leave out tls = off, or set tls_cert and tls_key, or tls_by_proxy, or plain_on_network"
            )
        return self


class MqttSettings(_Section):
    """`[mqtt]`: the broker between server and nodes."""

    mode: Literal["own", "external", "memory"] = "own"
    """`own`: a Mosquitto started and supervised here; `external`: one that runs elsewhere; `memory`: none, for tests"""
    bind: str = "127.0.0.1"
    """Address our own Mosquitto listens on."""
    host: str | None = None
    """The broker's address as nodes are told it at pairing; without it, the one by which they reached this server."""
    port: int = Field(default=1883, ge=0, le=65535)
    """Its port; 0 takes a free one (own broker only)."""
    username: str | None = None
    """The server's name at an external broker, with the right to administer its dynamic security."""
    password: SecretStr | None = None
    """Its password at an external broker."""
    tls: bool | None = None
    """Speak TLS, our own broker as `own-ca`; without it, TLS beyond this machine unless `http.plain_on_network`."""
    tls_ca: Path | None = None
    """Certificates (PEM) to believe instead of the machine's."""

    @property
    def is_on_network(self) -> bool:
        """Whether what is said to the broker leaves this machine."""
        where = {"own": self.bind, "external": self.host}.get(self.mode)
        return where is not None and where not in LOOPBACK

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.mode == "external" and (
            self.host is None or self.port == 0 or self.username is None or self.password is None
        ):
            raise ValueError("an external broker needs host, port, username and password")
        return self


class VoiceSettings(_Section):
    """`[voice]`: where voices are, and how they are run."""

    directory: Path | None = None
    """Folder of installed voices; without it, `voices` in the data directory."""
    target_lufs: float = Field(default=-16.0, ge=-30.0, le=-10.0)
    """How loud every clip is, in LUFS (EBU R 128)."""
    for_horns: bool = False
    """Shape speech for horn loudspeakers: 250-7,000 Hz, quiet syllables nearer to the loud ones."""


class PaperSettings(_Section):
    """`[paper]`: documents, scans and photos that become text."""

    max_bytes: int = Field(default=30_000_000, ge=1_000_000, le=500_000_000)
    """Longest file that is taken."""
    max_pages: int = Field(default=40, ge=1, le=500)
    """Most pages of one document."""
    max_waiting: int = Field(default=10, ge=1, le=100)
    """Documents that may wait to be read, all users together; they are read one at a time."""
    time_limit_s: float = Field(default=300, ge=10, le=3600)
    """Longest time for reading one document."""
    memory_mb: int = Field(default=1500, ge=500, le=8000)
    """Address space of the process that reads documents, in megabytes."""


class RecordingSettings(_Section):
    """`[recordings]`: sound that people send or record in the browser."""

    max_bytes: int = Field(default=200_000_000, ge=1_000_000, le=2_000_000_000)
    """Longest file that is taken."""
    max_minutes: int = Field(default=30, ge=1, le=180)
    """Longest recording that is taken."""


class StreamsSettings(_Section):
    """`[streams]`: what is heard while it is made, relays of upper radios and people who speak."""

    mode: Literal["own", "icecast"] = "own"
    """`own`: poles hear people who speak from this server; `icecast`: through an Icecast, for many poles"""
    icecast_url: str | None = Field(default=None, pattern=r"^http://[A-Za-z0-9.\[\]:-]+$")
    """Address of the Icecast, as server and poles reach it, e.g. `http://10.0.0.3:8001`."""
    icecast_password: SecretStr | None = None
    """Password of its sources."""
    relay_local: bool = False
    """Allow relays of radios on this very machine."""
    live_minutes: int = Field(default=10, ge=1, le=120)
    """Longest live announcement, in minutes."""
    microphone: str = Field(default="", max_length=100)
    """The microphone at the office, by the sound system's name or number; empty: the one it would take itself."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.mode == "icecast" and (self.icecast_url is None or self.icecast_password is None):
            raise ValueError("mode icecast needs icecast_url and icecast_password")
        return self


class SignInSettings(_Section):
    """`[sign_in]`: how often signing in may be tried."""

    tries_per_account: int = Field(default=5, ge=1)
    """Failed tries in a row for one account from one address; then one more every `account_refill_s` seconds."""
    account_refill_s: float = Field(default=30, gt=0)
    """Seconds until another try is given to an account at an address."""
    tries_per_address: int = Field(default=60, ge=1)
    """Failed tries in a row from one address, all accounts together: a whole commune may sit behind one."""
    address_refill_s: float = Field(default=1, gt=0)
    """Seconds until another try is given to an address."""
    second_factor_for: tuple[Role, ...] = ()
    """Roles that must use a second factor: `officer`, `leader`, `village-head`, `administrator`."""

    @field_validator("second_factor_for", mode="before")
    @classmethod
    def _from_one_line(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


class ReadinessSettings(_Section):
    """`[readiness]`: the silent drill that proves every day how soon each pole would speak."""

    at: time = time(2, 30)
    """When it is made, in the commune's time: best when nothing is planned. Nothing sounds."""
    limit_ms: int = Field(default=3000, ge=100, le=60_000)
    """A pole that needs longer from the press until it could sound the words is too slow, in milliseconds."""


class NotifySettings(_Section):
    """`[notify]`: who is told of alarms outside the pages, and when the morning is checked."""

    webhook_url: str | None = None
    """Address that each alarm is posted to, signed; `http://` only with `allow_inner`."""
    webhook_secret: SecretStr | None = Field(default=None, min_length=16)
    """What the posts are signed with (HMAC-SHA256), at least 16 characters; the receiver has it too."""
    allow_inner: bool = False
    """Allow a webhook on this machine or in an inner network."""
    smtp_host: str | None = None
    """Mail server. With `mail_from` and `mail_to`: alarms are mailed, those that come together in one mail."""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    """Its port."""
    smtp_tls: Literal["starttls", "implicit", "off"] = "starttls"
    """How TLS begins; `off` only for a mail server on this machine, or without a password."""
    smtp_ca: Path | None = None
    """Certificates (PEM) to believe instead of the machine's."""
    smtp_username: str | None = None
    """The server's name there, if it asks for one."""
    smtp_password: SecretStr | None = None
    """Its password there."""
    mail_from: str | None = None
    """Address that mails come from."""
    mail_to: tuple[str, ...] = ()
    """Addresses that alarms are mailed to."""
    mail_gather_s: float = Field(default=20, ge=0, le=600)
    """Alarms that come within so many seconds are one mail."""
    mail_pause_s: float = Field(default=300, ge=0, le=86400)
    """Shortest time between two mails, in seconds."""
    morning_at: time = time(4, 0)
    """When it is checked what will sound until `morning_until`, in the commune's time."""
    morning_until: time = time(12, 0)
    """End of the morning, in the commune's time."""

    @field_validator("mail_to", mode="before")
    @classmethod
    def _from_one_line(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("mail_from", "mail_to")
    @classmethod
    def _addresses(cls, value: Any) -> Any:
        for address in (value,) if isinstance(value, str) else value or ():
            if not _MAIL_ADDRESS.fullmatch(address):
                raise ValueError(f"{address!r} is no mail address")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.webhook_url is None) != (self.webhook_secret is None):
            raise ValueError("webhook_url and webhook_secret go together")
        schemes = ("https://", "http://") if self.allow_inner else ("https://",)
        if self.webhook_url is not None and not self.webhook_url.startswith(schemes):
            raise ValueError("webhook_url begins with https://, or with http:// when allow_inner is set")
        if len({self.smtp_host is None, self.mail_from is None, not self.mail_to}) > 1:
            raise ValueError("mail needs smtp_host, mail_from and mail_to")
        if self.smtp_tls == "off" and self.smtp_password is not None and self.smtp_host not in LOOPBACK:
            raise ValueError("smtp_tls = off lets others read smtp_password: use starttls or implicit")
        if self.morning_at >= self.morning_until:
            raise ValueError("the morning ends (morning_until) after it is checked (morning_at)")
        return self


class Settings(_Section):
    """All of it. `data_dir` is the only one that must be set."""

    data_dir: Path
    """Where the database, keys, clips, voices and the broker's files are."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much is logged."""
    http: HttpSettings = HttpSettings()
    mqtt: MqttSettings = MqttSettings()
    voice: VoiceSettings = VoiceSettings()
    paper: PaperSettings = PaperSettings()
    recordings: RecordingSettings = RecordingSettings()
    sign_in: SignInSettings = SignInSettings()
    streams: StreamsSettings = StreamsSettings()
    readiness: ReadinessSettings = ReadinessSettings()
    notify: NotifySettings = NotifySettings()

    @property
    def database_url(self) -> str:
        """SQLAlchemy's address of the database."""
        return f"sqlite:///{self.data_dir / DATABASE_FILE}"

    @property
    def voices_dir(self) -> Path:
        """Folder of installed voices."""
        return self.voice.directory or self.data_dir / "voices"

    @property
    def clips_dir(self) -> Path:
        """Folder of the clip store."""
        return self.data_dir / "clips"

    @property
    def backups_dir(self) -> Path:
        """Folder of backups made from the page."""
        return self.data_dir / "backups"

    @property
    def map_dir(self) -> Path:
        """Folder of the picture under the map."""
        return self.data_dir / "map"

    @property
    def recordings_dir(self) -> Path:
        """Folder of whole recordings."""
        return self.data_dir / "recordings"

    @property
    def sources_dir(self) -> Path:
        """Folder of the secrets of sources of bulletins."""
        return self.data_dir / "sources"

    @property
    def emergency_sounds_dir(self) -> Path:
        """Folder of whole emergencies' sounds, for who reads our messages in CAP; it may be deleted."""
        return self.data_dir / "cap"

    @property
    def live_dir(self) -> Path:
        """Folder of what people are saying; emptied at the start."""
        return self.data_dir / "live"

    @property
    def papers_dir(self) -> Path:
        """Folder of documents that wait to be read; emptied of everything else at the start."""
        return self.data_dir / "papers"

    @property
    def broker_dir(self) -> Path:
        """Folder of our own broker: its configuration, credentials and retained messages."""
        return self.data_dir / "broker"

    @property
    def keys_dir(self) -> Path:
        """Folder of the commune's keys and of the server's certificate."""
        return self.data_dir / "keys"

    @property
    def broker_secret_path(self) -> Path:
        """File of the secret from which poles' passwords at the broker are derived, mode 0600."""
        if self.mqtt.mode == "external":
            return self.keys_dir / "broker-secret"
        return self.broker_dir / SECRETS_FILE

    @property
    def mqtt_speaks_tls(self) -> bool:
        """Whether the broker is reached by TLS."""
        if self.mqtt.tls is not None:
            return self.mqtt.tls
        return self.mqtt.is_on_network and not self.http.plain_on_network

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if self.mqtt.is_on_network and not self.mqtt_speaks_tls and not self.http.plain_on_network:
            raise ValueError(
                "mqtt without TLS beyond this machine lets others read passwords: "
                "leave out mqtt.tls = false, or set http.plain_on_network"
            )
        return self


def known_keys(section: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """Every setting by its dotted name."""
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, _Section):
            yield from known_keys(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def load_settings(path: Path | None = None, environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Read the settings: the TOML file at `path`, then the environment, then what is `given`; later ones win.

    Sections are given as mappings: `load_settings(data_dir=…, http={"port": 0})`.

    Raises:
        SettingsError: the file cannot be read, a key is not known (the likely one is named), or a value is impossible.
    """
    environment = os.environ if environment is None else environment
    path = path or (Path(environment[SETTINGS_FILE]) if environment.get(SETTINGS_FILE) else None)
    flat = dict(_flat(_read_toml(path))) if path else {}
    flat |= _from_environment(environment)
    flat |= dict(_flat(given))
    unknown = sorted(set(flat) - set(known_keys()))
    if unknown:
        raise SettingsError(_no_such_key(unknown[0]))
    values: dict[str, Any] = {}
    for key, value in flat.items():
        _put(values, key, value)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "settings"
        raise SettingsError(f"{where}: {first['msg']}") from error


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    ours = [key for key in environment if key.startswith(ENV_PREFIX) and key != SETTINGS_FILE]
    return {key.removeprefix(ENV_PREFIX).lower().replace("__", "."): environment[key] for key in ours}


def _put(values: dict[str, Any], dotted: str, value: Any) -> None:
    *sections, name = dotted.split(".")
    for section in sections:
        values = values.setdefault(section, {})
    values[name] = value


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _no_such_key(key: str) -> str:
    close = difflib.get_close_matches(key, list(known_keys()), n=1, cutoff=0.5)
    return f"there is no setting {key!r}" + (f"; did you mean {close[0]!r}?" if close else "")
