"""The claim board says what the paper's tables and our records say, and nothing else."""

import json
import re

import pytest

from mae_course.pages import claim_board
from mae_course.pages.claim_board import UNTESTED, count_standings, evidence_in_words, load_claims, show_board, standing
from mae_course.paper.claims import CLAIMS, NOISE, NOT_SEEN, OPEN, SEEN
from mae_course.paper.tables import load_table
from mae_lite.weights.assets import asset_path

CLAIMS_BY_NAME = {claim.name: claim for claim in load_claims()}


def runs(**linear):
    """Records of arms with so many linear probes right, in %; kNN is right as often."""
    arms = {"default": [50.0, 51.0, 52.0]} | {name.replace("_", "-"): [value] for name, value in linear.items()}
    return [
        {"arm": arm, "seed": seed, "linear": value / 100, "knn": value / 100, "finetune": value / 100, "loss": 0.5}
        for arm, values in arms.items()
        for seed, value in enumerate(values)
    ]


def test_names_are_unique_and_each_claim_has_a_doubt_and_a_reason_if_untested():
    rows = json.loads((asset_path("reading") / "claims.json").read_text(encoding="utf-8"))
    assert len(CLAIMS_BY_NAME) == len(rows) >= 20
    for claim in CLAIMS_BY_NAME.values():
        assert len(claim.doubt) > 40
        assert bool(claim.why) == (claim.ours is None), claim.name
        assert claim.ours in (None, "speed", *claim_board.JUDGED), claim.name


def test_every_claim_that_our_ablation_can_judge_is_on_the_board():
    assert {claim.name for claim in CLAIMS} <= {claim.ours for claim in CLAIMS_BY_NAME.values()}


@pytest.mark.parametrize("claim", CLAIMS_BY_NAME.values(), ids=CLAIMS_BY_NAME)
def test_evidence_is_in_the_tables(claim):
    """Each number shown is found again under its row by reading the table's file, not by the board's code."""
    lines = evidence_in_words(claim)
    assert len(lines) == len(claim.evidence)
    for line, (name, column, rows) in zip(lines, claim.evidence, strict=True):
        assert line.startswith(f"{name}, ")
        data = json.loads((asset_path("paper") / f"{name.lower().replace(' ', '-')}.json").read_text(encoding="utf-8"))
        for row in rows:
            (value,) = [r[column] for r in data["rows"] if r["label"] == row]
            assert value is not None
            assert f"{value} ({row})" in line


def test_prose_of_the_board_has_no_measured_number():
    for claim in CLAIMS_BY_NAME.values():
        for text in (claim.says, claim.doubt, claim.why):
            assert not re.search(r"\d\.\d", text), f"{claim.name}: put the number into the evidence"


@pytest.mark.parametrize(
    ("arms", "status"),
    [
        ({}, OPEN),
        ({"mask_block_75": 30.0}, OPEN),
        ({"mask_block_75": 30.0, "mask_grid_75": 40.0}, SEEN),
        ({"mask_block_75": 30.0, "mask_grid_75": 50.5}, NOISE),
        ({"mask_block_75": 30.0, "mask_grid_75": 60.0}, NOT_SEEN),
    ],
)
def test_our_run_is_judged_from_the_records(arms, status):
    found = standing(CLAIMS_BY_NAME["random masks"], runs(**arms))
    assert found.status == status
    assert ("mask-grid-75" in found.sentence) == (status is not OPEN or "mask_grid_75" not in arms)


def test_disagreement_of_the_two_judges_is_said():
    records = runs(mask_block_75=30.0, mask_grid_75=40.0)
    for record in records:
        record["knn"] = record["knn"] if record["arm"] == "default" else 0.7
    found = standing(CLAIMS_BY_NAME["random masks"], records)
    assert found.status == SEEN
    assert found.sentence.endswith(f"By kNN it is {NOT_SEEN}.")


def test_training_from_scratch_is_judged_by_fine_tuning():
    claim = CLAIMS_BY_NAME["better than scratch"]
    assert standing(claim, runs(control_scratch=30.0)).status == SEEN
    assert standing(claim, runs(control_scratch=70.0)).status == NOT_SEEN
    assert standing(claim, runs()).status == OPEN


def test_speed_is_that_of_the_benchmark(tmp_path):
    rows = json.loads((asset_path("results") / "bench-studies.json").read_text())["rows"]
    found = standing(CLAIMS_BY_NAME["faster"], [])
    assert f"{rows[claim_board.SPEED]['times']:.1f} times" in found.sentence
    assert claim_board._speed(tmp_path / "none.json").status == OPEN
    record = {"machine": "toy", "rows": {claim_board.SPEED: {"times": 1.1, "times_low": 0.8, "times_high": 1.4}}}
    (tmp_path / "slow.json").write_text(json.dumps(record))
    assert claim_board._speed(tmp_path / "slow.json").status == NOISE


def test_what_cannot_be_tested_says_why():
    found = standing(CLAIMS_BY_NAME["robust"], runs())
    assert found.status == UNTESTED
    assert CLAIMS_BY_NAME["robust"].why in found.sentence


def test_robustness_claim_at_vit_b_is_as_the_table_says():
    """Worse than supervised on three of four sets: an error should be low, an accuracy high."""
    worse = 0
    for row in load_table("Table 13").rows:
        better = row.values["b"] < row.values["sup_b"] if row.values["unit"] == "error" else None
        better = row.values["b"] > row.values["sup_b"] if better is None else better
        worse += not better
    assert worse == 3
    assert "three of the four" in CLAIMS_BY_NAME["robust"].doubt


def test_board_shows_every_card_without_scripts_and_says_the_same_in_plain_text():
    board = show_board(runs(mask_block_75=30.0))
    shown = re.sub(r"<script>.*?</script>", "", board.html, flags=re.DOTALL)
    assert shown.count("data-topic=") == len(CLAIMS_BY_NAME)
    assert "hidden" not in re.findall(r"<div[^>]*data-topic[^>]*>", shown)[0]
    assert "http" not in re.sub(r"https?://arxiv\S*", "", board.html)
    for claim in CLAIMS_BY_NAME.values():
        assert claim.doubt in board.alt
    assert sum(count_standings(runs()).values()) == len(CLAIMS_BY_NAME)


def test_follow_ups_have_each_an_own_arxiv_number_and_are_linked():
    works = claim_board.load_follow_ups()
    numbers = [one.arxiv for one in works]
    assert len(set(numbers)) == len(works) >= 15
    assert numbers == sorted(numbers)
    assert all(re.fullmatch(r"\d{4}\.\d{5}", number) for number in numbers)
    shown = claim_board.show_follow_ups(works)
    for one in works:
        assert f'href="https://arxiv.org/abs/{one.arxiv}"' in shown.html
        assert one.line in shown.alt
