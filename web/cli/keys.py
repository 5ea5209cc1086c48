"""`loalang keys`: the commune's keys, changed without anybody going to a pole.

A running server follows what is written here within a second or two; a stopped one when it starts.
"""

import argparse

from broadcast.audit import record
from broadcast.communes import get_commune
from broadcast.nodes import distrust_all_nodes, keys_are_held, paired_nodes, want_renewal
from players.broker_config import BrokerSecrets
from players.certificate import CertificateFile
from players.keyring import KeyRing, KeyRingFile, announce, complete, start_anew
from players.signing import write_secret
from players.tls import fingerprint_of
from scheduler.clock import utc_now
from web.brokers import new_external_secret
from web.cli.database import database
from web.cli.options import commune_of
from web.host_names import names_of_this_server
from web.settings import Settings


def run(args: argparse.Namespace) -> int:
    """Do what was asked for and print the result."""
    actions = {
        "list": _list,
        "rotate": _rotate,
        "rotate-broker": _rotate_broker,
        "rotate-nodes": _rotate_nodes,
        "renew-certificate": _renew_certificate,
    }
    settings = commune_of(args)
    with database(settings) as session:
        slug = get_commune(session).slug
    ring = KeyRingFile(settings.keys_dir).load_or_make(slug, utc_now())
    actions[args.action](settings, ring, args)
    return 0


def _list(settings: Settings, ring: KeyRing, _args: argparse.Namespace) -> None:
    certificate = CertificateFile(settings.keys_dir)
    print(f"signing key      {ring.key.kid}")
    if ring.next_key is not None:
        print(f"next key         {ring.next_key.kid}, since {ring.begun_at}")
    print(f"authority        {fingerprint_of(ring.authority.certificate)}")
    if ring.next_authority is not None:
        print(f"next authority   {fingerprint_of(ring.next_authority.certificate)}, since {ring.begun_at}")
    if certificate.path.exists():
        print(f"certificate      until {certificate.expires_at:%Y-%m-%d}")
    with database(settings) as session:
        renewal = get_commune(session).renewal
        for node in paired_nodes(session):
            holds = "has these keys" if node.keys_version >= ring.version else "has older keys"
            own = "" if node.renewal >= renewal else ", is still to renew its own"
            print(f"{node.slug:<16} {holds}{own}")


def _rotate(settings: Settings, ring: KeyRing, args: argparse.Namespace) -> None:
    now, file = utc_now(), KeyRingFile(settings.keys_dir)
    if args.compromised:
        _start_anew(settings)
        return
    if not (args.force and ring.is_changing):
        ring = file.change(lambda held: announce(held, now, key=not args.authority, authority=args.authority))
    with database(settings) as session:
        record(session, now, "loalang", "rotate-keys", ring.commune, {"version": ring.version})
        is_held = keys_are_held(session, ring.version)
        behind = [node.slug for node in paired_nodes(session) if node.keys_version < ring.version]
    if args.force or is_held:
        ring = file.change(lambda held: complete(held, now))
        print(f"in use: key {ring.key.kid}, authority {fingerprint_of(ring.authority.certificate)}")
        print("poles that were away follow by themselves when they come back")
    else:
        print(f"announced; in use as soon as {len(behind)} poles hold it, or in 7 days: {', '.join(behind)}")


def _start_anew(settings: Settings) -> None:
    """After a theft: nothing that the old keys say counts, and so no pole can be told."""
    now = utc_now()
    with database(settings) as session:
        count = distrust_all_nodes(session, now)
    ring = KeyRingFile(settings.keys_dir).change(lambda held: start_anew(held, now))
    _new_broker_secrets(settings)
    print(f"in use: key {ring.key.kid}, authority {fingerprint_of(ring.authority.certificate)}")
    print(f"{count} poles are shut out and must be paired again, each with a code: loalang node code SLUG")
    print("until then a pole still obeys whoever has the old key and reaches it: take poles off shared networks first")


def _rotate_broker(settings: Settings, ring: KeyRing, _args: argparse.Namespace) -> None:
    now = utc_now()
    with database(settings) as session:
        count = want_renewal(session, now)
        record(session, now, "loalang", "rotate-broker", ring.commune)
    _new_broker_secrets(settings)
    print(f"the broker's passwords are new; {count} poles fetch theirs by themselves")


def _rotate_nodes(settings: Settings, _ring: KeyRing, _args: argparse.Namespace) -> None:
    with database(settings) as session:
        count = want_renewal(session, utc_now())
    print(f"{count} poles make a new key and fetch a new password by themselves")


def _renew_certificate(settings: Settings, ring: KeyRing, _args: argparse.Namespace) -> None:
    certificate = CertificateFile(settings.keys_dir)
    certificate.bring_up_to_date(ring, names_of_this_server(settings), utc_now(), anew=True)
    print(f"certificate until {certificate.expires_at:%Y-%m-%d}")


def _new_broker_secrets(settings: Settings) -> None:
    settings.broker_secret_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if settings.mqtt.mode == "external":
        write_secret(settings.broker_secret_path, new_external_secret())
    else:
        BrokerSecrets.rotate(settings.broker_secret_path)
