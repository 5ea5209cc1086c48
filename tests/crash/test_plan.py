"""Plans: the same for the same seed, and together all that is to be tried."""

from tests.crash.plan import NODES, SERVER_PARTS, Aired, Cut, Kill, plan_run


def test_a_seed_always_means_the_same_run() -> None:
    assert plan_run(7) == plan_run(7)
    assert plan_run(7) != plan_run(8)


def test_two_hundred_runs_strike_everybody_and_air_everything() -> None:
    plans = [plan_run(seed, 60.0) for seed in range(1, 201)]
    blows = [blow for plan in plans for blow in plan.blows]
    kills = [blow for blow in blows if isinstance(blow, Kill)]
    cuts = [blow for blow in blows if isinstance(blow, Cut)]
    assert {plan.aired for plan in plans} == set(Aired)
    assert {victim for kill in kills for victim in kill.victims} == {"server", *SERVER_PARTS, *NODES}
    assert any(set(kill.victims) == {"server", *NODES} for kill in kills)
    assert {(cut.node, cut.freeze) for cut in cuts} == {(node, freeze) for node in NODES for freeze in (True, False)}
    assert all(1 <= cut.for_s <= 60 for cut in cuts)
    assert any(cut.for_s > 30 for cut in cuts)


def test_the_quick_set_cuts_for_ten_seconds_at_most() -> None:
    cuts = [blow for seed in range(1, 21) for blow in plan_run(seed).blows if isinstance(blow, Cut)]
    assert cuts
    assert max(cut.for_s for cut in cuts) <= 10
