"""The pages, one file each. They hold no rules: they ask `broadcast` and show what it says."""

from web.pages import (
    approval_rules,
    as_run,
    broadcasts,
    bulletins,
    calendar,
    compose,
    emergency,
    entries,
    forecast,
    lexicon,
    nodes,
    now,
    paper,
    placements,
    programmes,
    recordings,
    rules,
    sign_in,
    special_days,
    templates,
    timetable,
    tokens,
    users,
    voices,
    week,
    week_move,
)

OPEN_ROUTERS = (sign_in.router, calendar.feed_router)
"""Pages for whoever comes; they guard their forms themselves."""
UPLOAD_ROUTERS = (paper.upload_router, recordings.upload_router, voices.upload_router)
"""They take a file as it comes, with the session's CSRF token before it; they check it themselves."""
ROUTERS = (
    now.router,
    compose.router,
    bulletins.router,
    approval_rules.router,
    templates.router,
    broadcasts.router,
    emergency.router,
    timetable.router,
    week.router,
    week_move.router,
    entries.router,
    forecast.router,
    rules.router,
    calendar.router,
    special_days.router,
    programmes.router,
    placements.router,
    as_run.router,
    nodes.router,
    paper.router,
    recordings.router,
    lexicon.router,
    voices.router,
    users.router,
    tokens.router,
)
"""Pages for who is signed in; every form on them carries the session's CSRF token."""
