"""The pages, one file each. They hold no rules: they ask `broadcast` and show what it says."""

from web.pages import as_run, broadcasts, bulletins, compose, emergency, nodes, now, sign_in, timetable, users

OPEN_ROUTERS = (sign_in.router,)
"""Pages for whoever comes; they guard their forms themselves."""
ROUTERS = (
    now.router,
    compose.router,
    bulletins.router,
    broadcasts.router,
    emergency.router,
    timetable.router,
    as_run.router,
    nodes.router,
    users.router,
)
"""Pages for who is signed in; every form on them carries the session's CSRF token."""
