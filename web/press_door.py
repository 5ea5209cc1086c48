"""A press of the emergency button at the door: its PIN is checked, tries are counted, refusals are kept."""

from datetime import datetime, timedelta
from threading import Lock

from sqlalchemy import Engine

from broadcast.button import Pressed, needed_check, note_refusal, note_throttled, press_button
from broadcast.db import reading, session_of
from broadcast.errors import BroadcastError
from broadcast.models import User
from broadcast.pins import PinCheck, check_pin
from broadcast.policy import Check
from broadcast.presses import Press
from web.auth import Wait
from web.throttle import Throttle

PIN_BURST, PIN_REFILL = 5, timedelta(seconds=60)
REFUSED_BURST, REFUSED_REFILL = 60, timedelta(seconds=5)
"""Each refused press is a row for ever: a program gone wild must not fill the audit log."""


class PressDoor:
    """Presses by people and programs. In worker threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pins = Throttle(PIN_BURST, PIN_REFILL)
        self._refused = Throttle(REFUSED_BURST, REFUSED_REFILL)
        self._throttled: dict[str, int] = {}
        self._lock = Lock()

    def press(self, user: User, asked: Press, pin: str, now: datetime) -> Pressed:
        """Have a press aired or held; a refused one is in the audit log.

        Raises:
            BroadcastError: it was refused.
            Wait: too many wrong PINs, or too many refused presses; this one was not looked at.
        """
        if wait := self._refused.wait_for(user.username, now):
            self._note_throttled(user, now)
            raise Wait(wait)
        try:
            proof = self._check_pin(user, asked, pin, now)
            with session_of(self._engine) as session:
                pressed = press_button(session, session.merge(user), asked, proof, now)
        except Wait:
            self._note_throttled(user, now)
            raise
        except BroadcastError as refused:
            self._refused.take(user.username, now)
            with session_of(self._engine) as session:
                note_refusal(session, user, asked, refused, now)
            self._look_again(user, now)
            raise
        self._look_again(user, now)
        return pressed

    def _note_throttled(self, user: User, now: datetime) -> None:
        """The first of a row of presses that are not looked at is in the audit log at once, the others counted."""
        with self._lock:
            self._throttled[user.username] = count = self._throttled.get(user.username, 0) + 1
        if count == 1:
            with session_of(self._engine) as session:
                note_throttled(session, user, count, now)

    def _look_again(self, user: User, now: datetime) -> None:
        """A press is looked at again: how many were not is kept."""
        with self._lock:
            count = self._throttled.pop(user.username, 0)
        if count > 1:
            with session_of(self._engine) as session:
                note_throttled(session, user, count, now)

    def _check_pin(self, user: User, asked: Press, pin: str, now: datetime) -> PinCheck:
        with reading(self._engine) as session:
            if needed_check(session, user, asked) is not Check.PIN or not pin:
                return PinCheck.NOT_GIVEN
            if wait := self._pins.take(user.username, now):
                raise Wait(wait)
            proof = check_pin(session, user, pin, now)
        if proof is not PinCheck.WRONG:
            self._pins.give_back(user.username, now)
        return proof
