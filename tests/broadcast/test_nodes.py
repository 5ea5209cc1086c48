from datetime import datetime, timedelta

import pytest
from sqlmodel import Session

from broadcast.communes import create_commune
from broadcast.errors import Conflict, InvalidInput, NotAllowed, NotFound
from broadcast.nodes import (
    PAIRING_LASTS,
    create_node,
    list_nodes,
    new_pairing_code,
    nodes_of_zones,
    pair_node,
    revoke_node,
    set_node_zones,
    zones_of_node,
)
from broadcast.windows import ALL_DAY
from broadcast.zones import create_zone, list_zones, zones_by_slug
from players.messages import PairingRequest
from tests.broadcast.conftest import House

KEY = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
OTHER_KEY = KEY | {"x": "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}


def test_a_code_pairs_once(unit: Session, house: House, now: datetime) -> None:
    _, code = create_node(unit, house.commune, "cum-1", "Cụm loa 1", ["thon-dong"], now)
    PairingRequest(code=code, public_key=KEY, version="1")
    node = pair_node(unit, f" {code.lower()} ", KEY | {"kid": "x"}, now)
    assert (node.slug, node.public_key, node.paired_at) == ("cum-1", KEY, now)
    with pytest.raises(NotAllowed, match="wrong-pairing-code"):
        pair_node(unit, code, KEY, now)


def test_a_wrong_an_old_and_a_late_code_do_not_pair(unit: Session, house: House, now: datetime) -> None:
    _, first = create_node(unit, house.commune, "cum-1", "Cụm loa 1", ["thon-dong"], now)
    second = new_pairing_code(unit, "cum-1", now)
    for code in ("AAAAAAAA", "", first):
        with pytest.raises(NotAllowed, match="wrong-pairing-code"):
            pair_node(unit, code, KEY, now)
    with pytest.raises(NotAllowed, match="expired-pairing-code"):
        pair_node(unit, second, KEY, now + PAIRING_LASTS)
    assert pair_node(unit, second, KEY, now + PAIRING_LASTS - timedelta(seconds=1)).public_key == KEY


@pytest.mark.parametrize(
    "key",
    [
        {},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
        KEY | {"crv": "X25519"},
        KEY | {"d": "secret"},
        KEY | {"x": "é" * 43},
    ],
)
def test_only_a_public_ed25519_key_pairs_and_the_code_stays_good(
    unit: Session, house: House, now: datetime, key: dict[str, str]
) -> None:
    _, code = create_node(unit, house.commune, "cum-1", "Cụm loa 1", ["thon-dong"], now)
    with pytest.raises(InvalidInput, match="bad-public-key"):
        pair_node(unit, code, key, now)
    pair_node(unit, code, KEY, now)


def test_two_poles_cannot_have_one_key(unit: Session, house: House, now: datetime) -> None:
    _, first = create_node(unit, house.commune, "cum-1", "Cụm loa 1", ["thon-dong"], now)
    _, second = create_node(unit, house.commune, "cum-2", "Cụm loa 2", ["thon-dong"], now)
    pair_node(unit, first, KEY, now)
    with pytest.raises(Conflict, match="key-in-use"):
        pair_node(unit, second, KEY, now)
    pair_node(unit, second, OTHER_KEY, now)


def test_a_revoked_pole_is_trusted_no_longer(unit: Session, house: House, now: datetime) -> None:
    _, code = create_node(unit, house.commune, "cum-1", "Cụm loa 1", ["thon-dong"], now)
    revoke_node(unit, "cum-1", now)
    revoke_node(unit, "cum-1", now)
    with pytest.raises(NotAllowed):
        pair_node(unit, code, KEY, now)
    with pytest.raises(Conflict, match="node-revoked"):
        new_pairing_code(unit, "cum-1", now)
    assert list(list_nodes(unit)) == []


def test_nodes_are_found_by_village_each_once(unit: Session, house: House, now: datetime) -> None:
    east, _ = create_node(unit, house.commune, "dong", "Đông", ["thon-dong"], now)
    both, _ = create_node(unit, house.commune, "giua", "Giữa", ["thon-dong", "thon-tay"], now)
    create_node(unit, house.commune, "cu", "Cũ", ["thon-tay"], now)
    revoke_node(unit, "cu", now)
    zones = {zone.slug: zone.id or 0 for zone in list_zones(unit)}
    assert nodes_of_zones(unit, zones.values()) == [east, both]
    assert nodes_of_zones(unit, [zones["thon-tay"]]) == [both]
    set_node_zones(unit, "giua", ["thon-dong"], now, "quantri")
    assert [zone.slug for zone in zones_of_node(unit, both)] == ["thon-dong"]
    assert nodes_of_zones(unit, [zones["thon-tay"]]) == []


def test_what_is_there_already_or_unknown_is_refused(unit: Session, house: House, now: datetime) -> None:
    create_node(unit, house.commune, "cum-1", "Cụm loa 1", ["thon-dong"], now)
    with pytest.raises(Conflict, match="node-exists"):
        create_node(unit, house.commune, "cum-1", "Khác", ["thon-dong"], now)
    with pytest.raises(InvalidInput, match="unknown-zone"):
        create_node(unit, house.commune, "cum-2", "Khác", ["thon-nam"], now)
    with pytest.raises(InvalidInput, match="no-zone"):
        create_node(unit, house.commune, "cum-2", "Khác", [], now)
    with pytest.raises(NotFound, match="no-node"):
        new_pairing_code(unit, "cum-9", now)
    with pytest.raises(Conflict, match="zone-exists"):
        create_zone(unit, house.commune, slug="thon-tay", name="Tây", now=now)
    with pytest.raises(Conflict, match="commune-exists"):
        create_commune(unit, slug="khac", name="Khác", windows=ALL_DAY, now=now)
    assert [zone.slug for zone in zones_by_slug(unit, ["thon-tay", "thon-tay"])] == ["thon-tay"]
