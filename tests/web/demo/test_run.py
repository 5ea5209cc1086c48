import socket
from pathlib import Path

import pytest

from players.node.settings import NodeSettings, load_settings, write_settings
from web.demo.client import DemoError
from web.demo.run import Place, _mqtt_port, _point_to, free_port


def _place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "demo", tmp_path / "voices", tmp_path / "demo" / "demo.log")
    place.make()
    return place


def test_the_broker_s_port_stays_the_same_from_run_to_run(tmp_path: Path) -> None:
    place = _place(tmp_path)
    assert _mqtt_port(place) == _mqtt_port(place)


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    place = _place(tmp_path)
    port = _mqtt_port(place)
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(DemoError, match=f"port {port}"):
            _mqtt_port(place)


def test_a_preferred_port_is_given_when_it_is_free_and_another_when_not() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = int(other.getsockname()[1])
        assert free_port(taken) != taken
    assert free_port(taken) == taken


def test_a_paired_pole_is_told_where_the_server_is_this_time(tmp_path: Path) -> None:
    write_settings(tmp_path, NodeSettings.model_validate({"server": {"url": "http://127.0.0.1:8000"}}))
    _point_to(tmp_path, "http://127.0.0.1:8010")
    assert load_settings(tmp_path).server.url == "http://127.0.0.1:8010"
