"""What is started at a pole without the server: whose orders count, here and at neighbours. Decided, not played."""

from datetime import timedelta
from typing import Any

import pytest

from players.errors import Distrusted, WireError
from players.messages import LocalOrder, OfflineCard, Outcome, Reason
from players.node.events import ClipStored, ConfigCame
from players.node.local_orders import LOCAL_VALID, START_LEAD, key_of
from players.offline import Card, claimed, is_key_of, jwk_of, new_card, open_local, read_card
from players.signing import SigningKey, sign
from players.topics import Topics
from tests.fakes.fake_server import COMMUNE
from tests.players.node.local_kit import CARD, CARD_KEY, OTHER_KEY, POLE_KEY, ZONE, came, card, order, pack, x_of
from tests.players.node.pole import DAWN, Pole, clip, config, seconds


def ready(*cards: OfflineCard, button: str | None = None, **options: Any) -> Pole:
    pole = Pole(**options).feed(ConfigCame(config(1)), ClipStored(clip(1).sha256), ClipStored(clip(2).sha256))
    return pole.feed(pack(1, *cards, button=button))


class TestCards:
    def test_what_is_typed_by_hand_is_read(self) -> None:
        text = CARD.as_text()
        assert text.count("-") == 6
        for typed in (text, text.lower(), text.replace("-", " ").replace(" ", "-", 1), f"  {text} \n"):
            assert read_card(typed) == CARD

    @pytest.mark.parametrize("typed", ["", "12", "12-ABCD", "0-" + "A" * 24, "x" * 5000, "12-" + "1" * 24, "-12-AB"])
    def test_what_is_no_card_is_none(self, typed: str) -> None:
        assert read_card(typed) is None

    def test_its_key_follows_from_commune_number_and_secret(self) -> None:
        assert is_key_of(CARD.key(COMMUNE), x_of(CARD_KEY))
        for other in (CARD.key("other"), Card(13, CARD.secret).key(COMMUNE), new_card(12).key(COMMUNE)):
            assert not is_key_of(other, x_of(CARD_KEY))

    def test_its_secret_does_not_show(self) -> None:
        assert CARD.secret not in repr(CARD)


class TestHere:
    def test_a_good_card_starts_its_message_and_the_neighbours_hear_of_it(self) -> None:
        pole = ready().feed(came(order()))
        assert pole.spread == ["signed local-1"]
        pole.run(10)
        assert [(start.broadcast, start.at) for start in pole.starts] == [("local-1", DAWN + START_LEAD)]
        assert pole.final("local-1").outcome is Outcome.PLAYED
        assert {report.local_order for report in pole.reports} == {"signed local-1"}

    def test_without_the_time_too_and_at_any_hour(self) -> None:
        pole = ready(trusted=False, now=DAWN - timedelta(hours=3))
        pole.feed(came(order(issued_at=pole.now, expires_at=pole.now + LOCAL_VALID))).run(10)
        assert pole.final("local-1").outcome is Outcome.PLAYED

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"revoked": True}, "was revoked"),
            ({"valid_until": DAWN}, "has expired"),
            ({"valid_from": DAWN + seconds(1)}, "is not valid yet"),
            ({"number": 13}, "is not known here"),
        ],
    )
    def test_a_card_that_does_not_count_is_refused_and_reported(self, change: dict[str, Any], why: str) -> None:
        pole = ready(card(**change)).feed(came(order())).run(10)
        final = pole.final("local-1")
        assert (final.outcome, final.reason, final.detail) == (Outcome.MISSED, Reason.REFUSED, f"card 12 {why}")
        assert final.local_order == "signed local-1"
        assert (pole.starts, pole.spread) == ([], [])
        assert [refused.why for refused in pole.refused] == [f"card 12 {why}"]

    def test_the_next_rules_revoke_a_card(self) -> None:
        pole = ready().feed(pack(2, card(revoked=True)), came(order())).run(10)
        assert pole.starts == []

    def test_the_button_starts_what_was_chosen_and_nothing_else(self) -> None:
        by_button = order(card=None, message="lu")
        assert ready().feed(came(by_button)).run(10).starts == []
        assert ready(button="chay").feed(came(by_button)).run(10).starts == []
        assert ready(button="lu").feed(came(by_button)).run(10).began() == ["local-1"]

    def test_nothing_takes_the_name_of_what_is_there_and_nothing_is_valid_for_ever(self) -> None:
        pole = ready().feed(came(order()), came(order("local-2", broadcast="local-1"))).run(10)
        assert pole.began() == ["local-1"]
        forever = order(expires_at=DAWN + LOCAL_VALID + seconds(1))
        assert ready().feed(came(forever)).run(10).starts == []

    def test_a_stop_ends_what_was_started_at_a_pole_and_nothing_else(self) -> None:
        pole = ready().feed(came(order())).run(1)
        stop = order("local-2", kind="stop", broadcast="local-1", message=None, issued_at=pole.now)
        pole.feed(came(stop)).run(5)
        assert pole.final("local-1").reason is Reason.STOPPED
        assert pole.spread == ["signed local-1", "signed local-2"]
        planned = order("local-3", kind="stop", broadcast="x-1", message=None)
        assert ready().feed(came(planned)).refused[0].why == "that was not started at a pole"


class TestNeighbours:
    def test_they_sound_it_once_however_often_they_hear_of_it(self) -> None:
        pole = ready().feed(came(order(), is_here=False)).run(1).feed(came(order(), is_here=False)).run(30)
        pole.feed(came(order(), is_here=False)).run(30)
        assert pole.began() == ["local-1"]
        assert pole.spread == [], "what was heard is not passed on"

    def test_a_late_one_skips_of_the_chime_and_one_after_the_end_of_its_time_does_not_obey(self) -> None:
        late = ready().run(60).feed(came(order(), is_here=False)).run(30)
        assert late.final("local-1").outcome is Outcome.PLAYED
        after = ready().run(LOCAL_VALID.total_seconds() + 1).feed(came(order(), is_here=False)).run(30)
        assert (after.starts, [refused.why for refused in after.refused]) == ([], ["expired"])

    def test_one_that_does_not_know_the_time_does_not_obey(self) -> None:
        pole = ready(trusted=False).feed(came(order(), is_here=False)).run(30)
        assert (pole.starts, pole.refused[0].why) == ([], "the time is not known here")

    def test_a_refusal_is_reported_by_the_pole_where_it_was_shown_alone(self) -> None:
        pole = ready(card(revoked=True)).feed(came(order(), is_here=False)).run(10)
        assert (pole.reports, pole.starts) == ([], [])


class TestSignatures:
    topic = Topics(COMMUNE).local(ZONE)

    @pytest.mark.parametrize(
        ("said", "key"),
        [
            (order(), CARD_KEY),
            (order(card=None), POLE_KEY),
            (order(card=None, pole="dong-2"), OTHER_KEY),
        ],
    )
    def test_an_order_is_opened_by_the_key_that_it_names(self, said: LocalOrder, key: SigningKey) -> None:
        signed = sign(said, key, self.topic)
        looked_up = key_of(ready().state, claimed(signed))
        assert open_local(signed, jwk_of(looked_up), COMMUNE, ZONE) == said

    @pytest.mark.parametrize(
        ("said", "key"),
        [
            (order(), OTHER_KEY),
            (order(card=None), OTHER_KEY),
            (order(card=99), CARD_KEY),
            (order(card=None, pole="tay-9"), POLE_KEY),
            (order(commune="other"), CARD_KEY),
            (order(zone="thon-tay"), CARD_KEY),
        ],
    )
    def test_any_other_is_not_believed(self, said: LocalOrder, key: SigningKey) -> None:
        signed = sign(said, key, self.topic)
        with pytest.raises(WireError):
            open_local(signed, jwk_of(key_of(ready().state, claimed(signed))), COMMUNE, said.zone)

    def test_a_changed_one_is_not_believed(self) -> None:
        head, body, tail = sign(order(), CARD_KEY, self.topic).split(b".")
        _, other_body, _ = sign(order(message="lu"), CARD_KEY, self.topic).split(b".")
        assert other_body != body
        with pytest.raises(Distrusted):
            open_local(b".".join([head, other_body, tail]), jwk_of(x_of(CARD_KEY)), COMMUNE, ZONE)

    @pytest.mark.parametrize("noise", [b"", b"x", b"a.b.c", b"." * 5000, b"e30.e30.e30", bytes(range(256))])
    def test_noise_is_no_order(self, noise: bytes) -> None:
        with pytest.raises(WireError):
            claimed(noise)
