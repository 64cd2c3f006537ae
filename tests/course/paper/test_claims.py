"""Verdicts on the paper's claims, from records whose differences are known by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.records import records
from mae_course.paper.claims import CLAIMS, NOISE, NOT_SEEN, OPEN, SEEN, Claim, disagreements, judge, paper_gap
from mae_course.paper.results import compare_arms

ONE = Claim("one", "One is better.", (("features", "default", "ratio-10"),))
TWO = Claim("two", "Two are better.", (("features", "default", "ratio-10"), ("loss", "default", "mask-grid-75")))


def status(claim, rows, metric="linear"):
    return judge(rows, metric, [claim])[0].status


@pytest.mark.parametrize(
    ("arm", "expected"),
    [(0.479, SEEN), (0.481, NOISE), (0.5, NOISE), (0.519, NOISE), (0.521, NOT_SEEN), (0.6, NOT_SEEN)],
)
def test_two_deviations_decide(arm, expected):
    assert status(ONE, records(arm)) == expected, "the default has 50 % and a deviation of 1 point"


@given(gap=st.floats(-0.3, 0.3))
def test_a_claim_turned_round_gets_the_opposite_verdict(gap):
    turned = Claim("turned", "", (("features", "ratio-10", "default"),))
    opposite = {SEEN: NOT_SEEN, NOT_SEEN: SEEN, NOISE: NOISE}
    rows = records(0.5 + gap)
    assert status(turned, rows) == opposite[status(ONE, rows)]


@pytest.mark.parametrize(
    ("arm", "loss", "expected"),
    [(0.4, 0.4, SEEN), (0.4, 0.61, NOISE), (0.4, 0.9, NOT_SEEN), (0.6, 0.4, NOT_SEEN), (0.5, 0.61, NOISE)],
)
def test_a_claim_of_two_parts_is_seen_only_if_both_are(arm, loss, expected):
    assert status(TWO, records(arm, mask_grid_75={"loss": loss})) == expected


def test_the_sentence_has_the_numbers_and_the_papers_difference():
    found = judge(records(0.4), "linear", [ONE])[0]
    assert found.sentence == "Linear probe: default 50.0%, ratio-10 40.0%, +10.0 points (noise up to 2.0); paper +18.9."


def test_what_is_missing_is_named_with_the_command():
    found = judge(records(0.4), "linear", [TWO])[0]
    assert (found.status, found.missing) == (OPEN, ("mask-grid-75",))
    assert found.sentence.endswith("--arms mask-grid-75")
    without = judge(records(0.4), "knn", [ONE])[0]
    assert (without.status, without.sentence) == (OPEN, "Missing: default (no kNN).")
    assert judge([], "linear", [ONE])[0].missing == ("default", "ratio-10")


def test_one_seed_is_no_noise_to_judge_by():
    found = judge(records(0.1, seeds=(0.5,)), "linear", [ONE])[0]
    assert found.status == OPEN
    assert "one seed" in found.sentence


@pytest.mark.parametrize(
    ("metric", "high", "low", "expected"),
    [
        ("linear", "default", "ratio-10", 18.9),
        ("finetune", "default", "ratio-10", 1.7),
        ("linear", "depth-8", "depth-1", 8.0),
        ("linear", "schedule-200", "default", 1.6),
        ("linear", "target-norm-pix", "default", 0.4),
        ("linear", "default", "loss-all-patches", 0.5),
        ("finetune", "default", "control-scratch", 2.4),
        ("knn", "default", "ratio-10", None),
        ("loss", "default", "mask-grid-75", None),
        ("linear", "default", "control-random", None),
        ("linear", "depth-8", "ratio-10", None),
    ],
)
def test_the_papers_difference_by_hand(metric, high, low, expected):
    assert paper_gap(metric, high, low) == expected


def test_every_claim_of_the_paper_is_true_in_the_paper():
    """Where the paper has both numbers, they point the way the claim says."""
    for claim in CLAIMS:
        for kind, high, low in claim.pairs:
            for metric in ("linear",) if kind == "features" else (kind,):
                gap = paper_gap(metric, high, low)
                assert gap is None or gap > 0, f"{claim.name}: {high} over {low} by {gap}"


def test_claims_speak_of_arms_that_exist():
    known = {one.arm for one in compare_arms([])}
    assert {arm for claim in CLAIMS for _, *arms in claim.pairs for arm in arms} <= known
    assert len({claim.name for claim in CLAIMS}) == len(CLAIMS)


def test_disagreements_are_told_with_their_numbers():
    text = disagreements(judge(records(0.6), "linear", [ONE, TWO]))
    assert text.startswith("0 seen at our scale, 1 not seen, 0 within seed noise, 1 not measured.\nOur records contrad")
    assert "- One is better. Linear probe: default 50.0%, ratio-10 60.0%, -10.0 points" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 90, "it is read in a notebook"
    clear = disagreements(judge(records(0.4), "linear", [ONE]))
    assert "No claim that was tested is contradicted" in clear
    assert "does not" not in clear
    assert "Nothing can be said yet" in disagreements(judge([]))


def test_an_effect_that_should_show_and_does_not_is_told():
    """The paper has 18.9 points between these arms, our noise is 2, and our difference is none."""
    (found,) = judge(records(0.5), "linear", [ONE])
    assert found.smaller
    assert "would show here, and does not:\n- One is better." in disagreements([found])
    noisy = records(0.5, seeds=(0.3, 0.5, 0.7))
    assert not judge(noisy, "linear", [ONE])[0].smaller, "a noise of 40 points hides the paper's effect as well"
    both = Claim("both", "", (*ONE.pairs, ("features", "default", "ratio-70")))
    (found,) = judge(records(0.3, ratio_70={"linear": 0.5}), "linear", [both])
    assert (found.status, found.smaller) == (NOISE, False), "what is missing, 0.3 points in the paper, could not show"


def test_features_are_judged_by_an_accuracy():
    with pytest.raises(ValueError, match='"mse" does not judge features; use one of linear, knn, finetune'):
        judge([], "mse")
