"""The API for programs and nodes, one file for each thing. Every operation documents the errors it can answer."""

from web.api import (
    broadcasts,
    bulletins,
    clips,
    entries,
    health,
    imports,
    keys,
    lexicon,
    nodes,
    normalize,
    pairing,
    recordings,
    sessions,
    streams,
    tokens,
    voices,
)

ROUTERS = (
    sessions.router,
    tokens.router,
    bulletins.router,
    broadcasts.router,
    entries.router,
    nodes.router,
    pairing.router,
    recordings.router,
    keys.router,
    clips.router,
    streams.router,
    normalize.router,
    voices.router,
    lexicon.router,
    imports.router,
    health.router,
)
