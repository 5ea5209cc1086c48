"""The API for programs and nodes, one file for each thing. Every operation documents the errors it can answer."""

from web.api import bulletins, clips, nodes, normalize, pairing, sessions

ROUTERS = (sessions.router, bulletins.router, nodes.router, pairing.router, clips.router, normalize.router)
