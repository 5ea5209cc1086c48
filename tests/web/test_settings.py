"""Settings: what wins, what is refused, and that a wrong key says which was meant."""

import ast
from itertools import pairwise
from pathlib import Path

import pytest

import web.settings
from web.settings import SettingsError, load_settings

EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing listens here


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "loalang.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_later_sources_win(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'data_dir = "/var/lib/loalang"\n[http]\nport = 1\n[mqtt]\nport = 2\n[sign_in]\ntries_per_address = 3\n',
    )
    environment = {"LOALANG_MQTT__PORT": "22", "LOALANG_SIGN_IN__TRIES_PER_ADDRESS": "33", "HOME": "/nowhere"}
    settings = load_settings(path, environment, sign_in={"tries_per_address": 34})
    assert (settings.http.port, settings.mqtt.port, settings.sign_in.tries_per_address) == (1, 22, 34)


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, 'data_dir = "/var/lib/loalang"\n')
    assert load_settings(None, {"LOALANG_SETTINGS": str(path)}).data_dir == Path("/var/lib/loalang")


def test_proxies_come_as_one_line_from_the_environment() -> None:
    environment = {"LOALANG_DATA_DIR": "/d", "LOALANG_HTTP__TRUSTED_PROXIES": "10.0.0.1, 10.0.0.2"}
    assert load_settings(None, environment).http.trusted_proxies == ("10.0.0.1", "10.0.0.2")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "data_dir: Field required"),
        ('datadir = "/d"', "there is no setting 'datadir'; did you mean 'data_dir'?"),
        ('data_dir = "/d"\n[http]\nhots = "127.0.0.1"', "there is no setting 'http.hots'; did you mean 'http.host'?"),
        ('data_dir = "/d"\n[webserver]\nxyzzy = 1', "there is no setting 'webserver.xyzzy'"),
        ('data_dir = "/d"\nhttp = 5', "there is no setting 'http'"),
        ('data_dir = "/d"\n[http]\nport = 70000', "http.port: Input should be less than or equal to 65535"),
        (
            'data_dir = "/d"\n[http]\nhost = "0.0.0.0"\ntls = "off"',
            "http: Value error, host 0.0.0.0 without TLS lets others read",
        ),
        (
            'data_dir = "/d"\n[http]\ntls = "own-ca"\ntls_by_proxy = true',
            "tls = own-ca, tls_cert and tls_by_proxy are three ways to the same: choose one",
        ),
        ('data_dir = "/d"\n[http]\ntls_key = "k.pem"', "tls_cert and tls_key go together"),
        ('data_dir = "/d"\n[http]\ntrusted_proxies = "*"', "trusted_proxies = * lets anybody say who he is"),
        ('data_dir = "/d"\n[mqtt]\nbind = "10.0.0.2"\ntls = false', "mqtt without TLS beyond this machine"),
        (
            'data_dir = "/d"\n[mqtt]\nmode = "external"\nhost = "mq"\nusername = "a"\npassword = "b"\ntls = false',
            "mqtt without TLS beyond this machine",
        ),
        ('data_dir = "/d"\n[mqtt]\nmode = "external"', "an external broker needs host, port, username and password"),
        ("data_dir = ", "loalang.toml: "),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load_settings(write(tmp_path, text), {})
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("given", "own_ca", "is_secure", "mqtt_tls"),
    [
        ({}, False, False, False),
        ({"http": {"host": EVERYWHERE}, "mqtt": {"bind": EVERYWHERE}}, True, True, True),
        ({"http": {"host": "10.0.0.2"}}, True, True, False),
        ({"http": {"host": EVERYWHERE, "plain_on_network": True}, "mqtt": {"bind": EVERYWHERE}}, False, False, False),
        ({"http": {"host": EVERYWHERE, "tls_by_proxy": True}, "mqtt": {"bind": EVERYWHERE}}, False, True, True),
        ({"http": {"tls": "own-ca"}, "mqtt": {"tls": True}}, True, True, True),
        ({"mqtt": {"mode": "external", "host": "mq", "username": "a", "password": "b"}}, False, False, True),
        ({"mqtt": {"mode": "external", "host": "127.0.0.1", "username": "a", "password": "b"}}, False, False, False),
        (
            {
                "http": {"plain_on_network": True},
                "mqtt": {"mode": "external", "host": "mq", "username": "a", "password": "b"},
            },
            False,
            False,
            False,
        ),
    ],
)
def test_beyond_this_machine_tls_by_the_communes_own_authority_is_the_rule(
    given: dict[str, dict[str, object]], own_ca: bool, is_secure: bool, mqtt_tls: bool
) -> None:
    settings = load_settings(None, {}, data_dir="/d", **given)
    assert (settings.http.uses_own_ca, settings.http.is_secure, settings.mqtt_speaks_tls) == (
        own_ca,
        is_secure,
        mqtt_tls,
    )


def test_a_wrong_variable_is_refused_too() -> None:
    with pytest.raises(SettingsError, match=r"did you mean 'http\.port'"):
        load_settings(None, {"LOALANG_DATA_DIR": "/d", "LOALANG_HTTP__PORTS": "1"})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nothing\.toml: No such file"):
        load_settings(tmp_path / "nothing.toml", {})


def test_an_impossible_secret_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as refusal:
        load_settings(None, {}, data_dir="/d", mqtt={"mode": "external", "password": "hush-hush"})
    assert "hush-hush" not in str(refusal.value)


def test_secrets_are_masked() -> None:
    mqtt = {"mode": "external", "host": "mq", "username": "srv", "password": "hush-hush"}
    assert "hush-hush" not in repr(load_settings(None, {}, data_dir="/d", mqtt=mqtt))


def test_every_setting_is_explained() -> None:
    """An undocumented setting fails: each field is followed by a docstring, which the guide is made from."""
    tree = ast.parse(Path(web.settings.__file__).read_text(encoding="utf-8"))
    for section in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        for field, after in pairwise([*section.body, ast.Pass()]):
            if isinstance(field, ast.AnnAssign):
                assert isinstance(after, ast.Expr) or is_section(field), ast.unparse(field)


def is_section(field: ast.AnnAssign) -> bool:
    return ast.unparse(field.annotation).endswith("Settings")
