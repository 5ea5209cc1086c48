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
    sessions,
    streams,
    voices,
)

ROUTERS = (
    sessions.router,
    bulletins.router,
    broadcasts.router,
    nodes.router,
    pairing.router,
    clips.router,
    streams.router,
    normalize.router,
    health.router,
)
    voices.router,
    lexicon.router,
    imports.router,
