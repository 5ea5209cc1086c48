"""What may be typed after `loalang`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from players import service_unit

DEFAULT_DATA = Path("data")
DEFAULT_DEMO_DATA = DEFAULT_DATA / "demo"
DEFAULT_DEMO_PORT = 8000
MAX_DEMO_NODES = 20
MAX_TIMETABLE_DAYS = 366
SCOPES = ("read", "write", "admin")
ROLES = ("officer", "leader", "village-head", "administrator")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command and its options; `command` names the module in `web.cli` that runs it."""
    parser = argparse.ArgumentParser(prog="loalang", description="The commune server of Loa Làng.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    _serve(commands.add_parser("serve", help="the commune server: pages, API, scheduler, broker, renderers"))
    _demo(commands.add_parser("demo", help="a commune on this machine, speaking"))
    _init(commands.add_parser("init", help="set up a new commune: its name, its villages, its administrator"))
    _user(commands.add_parser("user", help="people and their passwords"))
    _keys(commands.add_parser("keys", help="the commune's keys and certificates, changed without going to a pole"))
    _node(commands.add_parser("node", help="poles and their pairing codes"))
    _voices(commands.add_parser("voices", help="the voices that are installed or could be"))
    _lexicon(commands.add_parser("lexicon", help="the commune's own words, and how it says numbers"))
    _timetable(commands.add_parser("timetable", help="what will sound, with reasons for what will not"))
    _emergency(commands.add_parser("emergency", help="raise an emergency now, and watch it pole by pole"))
    _live(commands.add_parser("live", help="speak into the microphone at the office"))
    _forecast(commands.add_parser("forecast", help="what a pole will sound, as a file to listen to"))
    _readiness(commands.add_parser("readiness", help="how soon each pole would speak; status 1 when one would not"))
    _check(commands.add_parser("check", help="what will not sound until noon, and why; status 1 when something"))
    _normalize(commands.add_parser("normalize", help="a text per line in, its spoken form per line out"))
    _speak(commands.add_parser("speak", help="read a text aloud into a file"))
    _import(commands.add_parser("import", help="the draft text of a document, a scan or a photo"))
    _audit(commands.add_parser("audit", help="who did what, and whether the log of it was changed"))
    _backup(commands.add_parser("backup", help="the whole commune in one file, while the server runs"))
    _restore(commands.add_parser("restore", help="a commune out of its backup"))
    _install_service(commands.add_parser("install-service", help="a systemd unit for the server, printed or installed"))
    return parser.parse_args(argv)


def _settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file (TOML)")
    parser.add_argument("--data", type=Path, metavar="DIR", help=f"data directory (default: {DEFAULT_DATA})")


def _serve(parser: argparse.ArgumentParser) -> None:
    _settings(parser)
    parser.add_argument("--host", help="address to listen on")
    parser.add_argument("--port", type=int, help="port to listen on; 0 takes a free one")


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=DEFAULT_DEMO_DATA, metavar="DIR", help="kept between runs")
    parser.add_argument("--port", type=int, default=DEFAULT_DEMO_PORT, help="another free one when it is taken")
    parser.add_argument("--nodes", type=_node_count, default=3, metavar="N", help="player nodes (default: 3)")
    parser.add_argument("--voice", metavar="NAME|VOICEDIR", help="an installed voice, or a folder that holds one")
    parser.add_argument("--text", type=Path, metavar="FILE", help="what to air at once (UTF-8)")
    parser.add_argument("--once", action="store_true", help="fresh data, no browser: air one bulletin, then end")
    parser.add_argument("--record", type=Path, metavar="DIR", help="with --once: leave there what every pole sounded")


def _node_count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= MAX_DEMO_NODES:
        raise argparse.ArgumentTypeError(f"from 1 to {MAX_DEMO_NODES}")
    return count


def _init(parser: argparse.ArgumentParser) -> None:
    _settings(parser)
    parser.add_argument("--name", required=True, help='the commune, e.g. "Xã Hòa Bình An"')
    parser.add_argument("--slug", help="its short name in addresses (default: made from --name); never changes")
    parser.add_argument("--zone", action="append", required=True, metavar="NAME", help="a village; repeat")
    parser.add_argument(
        "--window",
        action="append",
        metavar="HH:MM-HH:MM",
        help="when horns may sound (local time; repeat; default 05:00-21:00); only an emergency sounds outside",
    )
    parser.add_argument("--administrator", default="quantri", metavar="USERNAME", help="first user (default: quantri)")


def _user(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="add|reset|reset-second-factor|list|token", dest="action")
    add = actions.add_parser("add", help="add a person; prints the generated password")
    add.add_argument("username")
    add.add_argument("--name", help="as shown on the pages (default: the username)")
    add.add_argument("--role", choices=ROLES, required=True)
    add.add_argument("--zone", metavar="SLUG", help="a village head's village")
    reset = actions.add_parser("reset", help="make a new password and print it; sessions and tokens end")
    reset.add_argument("username")
    lost = actions.add_parser("reset-second-factor", help="for who lost phone and recovery codes; sessions end")
    lost.add_argument("username")
    token = actions.add_parser("token", help="tokens of programs")
    for action in (add, reset, lost, actions.add_parser("list", help="everybody"), *_tokens(token)):
        _settings(action)


def _tokens(parser: argparse.ArgumentParser) -> Sequence[argparse.ArgumentParser]:
    actions = parser.add_subparsers(required=True, metavar="add|list|revoke", dest="token_action")
    add = actions.add_parser("add", help="make a token for a program of a person, and print it")
    add.add_argument("username")
    add.add_argument("name", help="what it is for")
    add.add_argument("--scope", action="append", choices=SCOPES, help="what it may do (default: read; repeat)")
    add.add_argument("--days", type=int, default=90, help="how long it holds, at most 366 (default: 90)")
    revoke = actions.add_parser("revoke", help="end a token; live pages that it has open end within 15 s")
    revoke.add_argument("id", type=int, help="as `loalang user token list` shows it")
    return add, revoke, actions.add_parser("list", help="the tokens that hold")


def _node(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="add|code|set|list", dest="action")
    add = actions.add_parser("add", help="add a pole; prints its one-time pairing code")
    add.add_argument("slug", help="short name, e.g. dong-1")
    add.add_argument("--name", help="as shown on the pages (default: the short name)")
    add.add_argument("--zone", action="append", required=True, metavar="SLUG", help="a village it speaks for; repeat")
    code = actions.add_parser("code", help="a fresh pairing code (10 minutes, used once)")
    code.add_argument("slug")
    tuned = actions.add_parser("set", help="a pole's delay, and what its SIM card may take in a month")
    tuned.add_argument("slug")
    tuned.add_argument("--delay-ms", type=int, metavar="N", help="its sound comes so much later (-200 to 2000)")
    tuned.add_argument("--data-mb", type=int, metavar="N", help="megabytes a month; 0: no limit")
    for action in (add, code, tuned, actions.add_parser("list", help="all poles")):
        _settings(action)


def _keys(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="list|rotate|rotate-broker|rotate-nodes|…", dest="action")
    rotate = actions.add_parser("rotate", help="make a new signing key; in use once every pole has it")
    what = rotate.add_mutually_exclusive_group()
    what.add_argument("--authority", action="store_true", help="change the certificate authority instead of the key")
    what.add_argument("--compromised", action="store_true", help="stolen: new keys at once; poles are paired again")
    rotate.add_argument("--force", action="store_true", help="use it now; poles without it follow when they notice")
    broker = actions.add_parser("rotate-broker", help="new passwords at the broker, for the server and every pole")
    nodes = actions.add_parser("rotate-nodes", help="have every pole make a new key of its own")
    certificate = actions.add_parser("renew-certificate", help="a new certificate now; else it is renewed in time")
    shown = actions.add_parser("list", help="what is in use, and which pole has it")
    for action in (rotate, broker, nodes, certificate, shown):
        _settings(action)


def _voices(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="list|install|verify|remove|try", dest="action")
    install = actions.add_parser("install", help="fetch a voice, or take it from a folder or a zip file")
    install.add_argument("name", nargs="?", help="one of `loalang voices list`")
    install.add_argument(
        "--from", dest="source", type=Path, metavar="DIR|ZIP", help="holding NAME.onnx and NAME.onnx.json"
    )
    verify = actions.add_parser("verify", help="compare an installed voice with its digest")
    verify.add_argument("name")
    remove = actions.add_parser("remove", help="delete an installed voice")
    remove.add_argument("name")
    listen = actions.add_parser("try", help="have a voice say a sentence, into a file to listen to")
    listen.add_argument("name")
    listen.add_argument("text", help="the sentence, as it would be typed in a bulletin")
    listen.add_argument("-o", "--output", type=Path, metavar="FILE", help="out.wav or out.ogg (default: NAME.wav)")
    for action in (install, verify, remove, listen, actions.add_parser("list", help="all voices")):
        _settings(action)


def _lexicon(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="list|add|remove|import|export|style", dest="action")
    add = actions.add_parser("add", help="add a word; prints which waiting broadcasts are read anew")
    add.add_argument("written", help='as in bulletins; in capitals only ("CTĐ") it is meant so, else in any case')
    add.add_argument("spoken", help="how it is said, in letters, spaces and commas")
    add.add_argument("--note", default="", help="for the next officer")
    remove = actions.add_parser("remove", help="remove a word: what is built in holds again")
    remove.add_argument("written")
    bring = actions.add_parser("import", help="take in a table: written, spoken, note, apart by tabs; all or nothing")
    bring.add_argument("file", type=Path, metavar="FILE", help="UTF-8, or UTF-16 with its mark; - is standard input")
    bring.add_argument("--preview", action="store_true", help="say what would change, and change nothing")
    export = actions.add_parser("export", help="print the words as a table")
    export.add_argument("-o", "--output", type=Path, metavar="FILE", help="write it there instead")
    style = actions.add_parser("style", help="how numbers are said; without options, as it is now")
    style.add_argument("region", nargs="?", choices=("north", "south"), help="all as it is said there")
    style.add_argument("--thousand", choices=("nghìn", "ngàn"), help="1.000")
    style.add_argument("--gap", choices=("linh", "lẻ"), help="105")
    style.add_argument("--four", choices=("tư", "bốn"), help="24")
    style.add_argument("--early-days", choices=("", "mùng", "mồng"), help="before the first ten days of a month")
    for action in (add, remove, bring, export, style, actions.add_parser("list", help="all words")):
        _settings(action)


def _timetable(parser: argparse.ArgumentParser) -> None:
    _settings(parser)
    parser.add_argument("--days", type=_day_count, default=1, metavar="N", help="how far ahead (default: 1)")
    parser.add_argument("--node", metavar="NODE", help="as this pole will sound it")
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def _day_count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= MAX_TIMETABLE_DAYS:
        raise argparse.ArgumentTypeError(f"from 1 to {MAX_TIMETABLE_DAYS}")
    return count


def _emergency(parser: argparse.ArgumentParser) -> None:
    _settings(parser)
    parser.add_argument("--zone", action="append", metavar="SLUG", help="a village; repeat")
    parser.add_argument("--text", help="what is to be said, at most 600 characters; or")
    parser.add_argument("--template", metavar="KEY", help="a prepared message, with")
    parser.add_argument("--slot", action="append", metavar="NAME=VALUE", help="its slots; repeat")
    parser.add_argument("--all-clear", metavar="BROADCAST", help="end that emergency, and say so where it was heard")
    parser.add_argument("--drill", action="store_true", help="an exercise: said as such before and after")
    parser.add_argument("--user", metavar="USERNAME", help="who presses (asked for); or a token in LOA_TOKEN")
    parser.add_argument("--url", help="of the server (default: as this machine's settings say)")
    parser.add_argument("--wait", type=float, default=120, metavar="S", help="how long to watch (default: 120 s)")
    parser.add_argument("--no-wait", action="store_true", help="end when the server has it")


def _readiness(parser: argparse.ArgumentParser) -> None:
    _settings(parser)
    parser.add_argument("--now", action="store_true", help="make a silent drill first; the server must run")
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def _live(parser: argparse.ArgumentParser) -> None:
    _settings(parser)
    parser.add_argument("--zone", action="append", required=True, metavar="SLUG", help="a village; repeat")
    parser.add_argument(
        "--device", default="", metavar="NAME|NUMBER", help="the server's microphone (default: setting)"
    )
    parser.add_argument("--minutes", type=int, metavar="N", help="end by itself (default: the commune's limit)")
    parser.add_argument("--user", metavar="USERNAME", help="who speaks (asked for); or a token in LOA_TOKEN")
    parser.add_argument("--url", help="of the server (default: as this machine's settings say)")


def _check(parser: argparse.ArgumentParser) -> None:
    _settings(parser)
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def _forecast(parser: argparse.ArgumentParser) -> None:
    _settings(parser)
    parser.add_argument("--node", required=True, metavar="NODE", help="the pole")
    parser.add_argument("--from", dest="since", metavar="WHEN", help="2026-09-05T05:00 or 05:00 (default: now)")
    parser.add_argument("--until", metavar="WHEN", help="the same (default: a day later)")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("out.wav"), metavar="FILE", help="WAV file (default: out.wav)"
    )


def _normalize(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print sentences, changed spans and doubts as JSON")
    parser.add_argument("--data", type=Path, metavar="DIR", help="read as the commune of this data directory does")
    parser.add_argument("--lexicon", type=Path, metavar="FILE", help="words to win over ours (TSV: written, spoken)")
    parser.add_argument("--style", choices=("north", "south"), help="how numbers are said (default: north)")


def _speak(parser: argparse.ArgumentParser) -> None:
    _settings(parser)
    parser.add_argument("text", nargs="?", help="what is to be read")
    parser.add_argument("--file", type=Path, metavar="FILE", help="read this text file (UTF-8) instead")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("out.wav"), metavar="FILE", help="out.wav (default) or out.ogg"
    )
    parser.add_argument("--stream", action="store_true", help="say when each sentence is ready, as it becomes so")
    parser.add_argument("--voice", metavar="NAME|VOICEDIR", help="an installed voice, or a folder that holds one")


def _install_service(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command="install_service")
    service_unit.declare(parser, Path("/var/lib/loalang"), "loalang")


def _audit(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    _settings(actions.add_parser("verify", help="whether each entry follows from the one before; status 1 when not"))
    listing = actions.add_parser("list", help="the last entries, oldest first")
    _settings(listing)
    listing.add_argument("--last", type=int, default=50, metavar="N", help="so many (default: 50)")


def _backup(parser: argparse.ArgumentParser) -> None:
    _settings(parser)
    parser.add_argument("file", type=Path, metavar="FILE", help="a new file, such as loalang-2026-11-22.tar.gz")
    parser.add_argument("--without-clips", action="store_true", help="smaller; the sound of what was aired is lost")


def _restore(parser: argparse.ArgumentParser) -> None:
    _settings(parser)
    parser.add_argument("file", type=Path, metavar="FILE", help="what `loalang backup` wrote")
    parser.add_argument("--replace", action="store_true", help="move what is in the data directory aside")


def _import(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command="import_document")  # `import` is no name for a module
    parser.add_argument("file", type=Path, metavar="FILE", help=".docx, .doc, .odt, .pdf, .jpg, .png or .heic")
    parser.add_argument("--json", action="store_true", help="print text, what was set aside and warnings as JSON")
