"""A bulletin that is read twice, and the commune's own speed, as far as the renderer's job."""

from datetime import datetime

from sqlmodel import Session

from broadcast.communes import get_commune, set_rate
from broadcast.rendering import _due_of
from broadcast.renderings import want_rendering
from players.messages import Urgency


def test_twice_and_faster_are_other_clips_and_reach_the_renderer(unit: Session, now: datetime) -> None:
    once = want_rendering(unit, "Chào bà con.", "v", "normal", Urgency.NORMAL, now)
    again = want_rendering(unit, "Chào bà con.", "v", "normal", Urgency.NORMAL, now, is_read_twice=True)
    set_rate(unit, 0.9, "admin", now)
    assert get_commune(unit).rate == 0.9
    slower = want_rendering(unit, "Chào bà con.", "v", "normal", Urgency.NORMAL, now)
    assert len({once.key, again.key, slower.key}) == 3
    jobs = [_due_of(rendering, is_doubted=False).job for rendering in (once, again, slower)]
    assert [(job.twice, job.rate) for job in jobs] == [(False, 1.0), (True, 1.0), (False, 0.9)]
