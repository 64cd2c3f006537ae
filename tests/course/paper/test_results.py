"""Our records beside the paper's: means and deviations by hand, the right rows, and what is missing."""

import json

import pytest

from helpers.records import record
from mae_course.paper.results import GROUPS, ablation_records, compare_arms, describe, group_of, missing_arms, spread
from mae_course.paper.tables import load_table

DEFAULT = [record("default", k, linear=x, mse=y) for k, (x, y) in enumerate(((0.50, 0.6), (0.52, 0.7), (0.54, 0.8)))]


def by_arm(records):
    return {one.arm: one for one in compare_arms(records)}


def test_spread_by_hand():
    got = spread(DEFAULT, "default", "linear")
    assert (got.mean, got.std, got.n) == (pytest.approx(52.0), pytest.approx(2.0), 3), "n - 1: ((-2)² + 0 + 2²) / 2 = 4"
    assert str(got) == "mean 52.00, deviation 2.000 (3 seeds)"
    assert spread(DEFAULT, "default", "mse").mean == pytest.approx(0.7), "errors are no percentages"
    assert spread(DEFAULT, "default", "knn") is None
    one = spread(DEFAULT[:1], "default", "linear")
    assert (one.std, str(one)) == (None, "50.00 (one seed)")


def test_differences_to_the_default_of_each():
    arm = by_arm([*DEFAULT, record("ratio-10", linear=0.45, knn=0.3)])["ratio-10"]
    assert arm.change == {"linear": pytest.approx(-7.0)}, "the default has no kNN, so there is no difference"
    assert (arm.table, arm.row, arm.paper["lin"]) == ("Figure 5", "10", 54.6)
    assert arm.paper_change == {"ft": pytest.approx(-1.7), "lin": pytest.approx(-18.9)}
    assert arm.command is None
    assert "same: the share hidden" in arm.comparable


def test_a_default_that_is_not_the_papers_is_compared_with_its_own_row():
    deep = by_arm([])["depth-8"]
    assert deep.paper_change["lin"] == pytest.approx(73.5 - 70.0), "ours has 2 blocks"
    assert "ours 2" in deep.comparable


@pytest.mark.parametrize(
    ("arm", "table", "row"),
    [("width-64", "Table 1b", "256"), ("schedule-25", "Figure 7", "200"), ("mask-grid-75", "Table 1f", "grid 75 %")],
)
def test_rows_that_belong_together(arm, table, row):
    one = by_arm([])[arm]
    assert (one.table, one.row) == (table, row)


def test_halves_and_doubles_are_halves_and_doubles_of_both_defaults():
    for name in ("decoder width", "schedule"):
        group = next(g for g in GROUPS if g.name == name)
        for arm, row in group.rows.items():
            ours = int(arm.split("-")[1]) / int(group.default_is)
            assert int(row) / int(group.default_row) == ours, arm


def test_every_arm_has_its_row_and_every_row_its_table():
    for group in GROUPS:
        table = load_table(group.table)
        assert table.row(group.default_row)
        assert all(table.row(row) for row in group.rows.values() if row)
        assert all(group_of(arm) is group for arm in group.rows)
    assert group_of("default") is None


def test_the_arms_are_those_of_the_study():
    from mae_course.studies.arms import ARMS, CONTROLS

    planned = {one.arm for one in compare_arms([])}
    assert planned == {*ARMS, *CONTROLS}


def test_missing_arms_come_with_the_command_that_makes_them():
    missing = missing_arms([*DEFAULT, record("ratio-10")])
    assert not {"default", "ratio-10"} & set(missing)
    assert missing["ratio-20"].endswith(" --arms ratio-20")
    assert len(missing_arms([])) == len(compare_arms([]))


def test_arms_that_were_not_planned_are_shown_and_not_compared():
    arm = by_arm([*DEFAULT, record("own-idea", linear=0.6)])["own-idea"]
    assert (arm.group, arm.row, arm.paper) == ("other", None, {})
    assert arm.change["linear"] == pytest.approx(8.0)
    assert arm.comparable.startswith("Not")


def test_records_are_read_the_last_of_a_run_wins_and_budgets_are_not_mixed(tmp_path):
    path = tmp_path / "records.jsonl"
    rows = [record("a", linear=0.1), record("a", 1), record("a", linear=0.2), record("a", linear=0.9, preset="gpu")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    got = ablation_records(path)
    assert [(r["seed"], r["linear"]) for r in got] == [(0, 0.2), (1, None)]
    assert [r["linear"] for r in ablation_records(path, preset="gpu")] == [0.9]
    assert ablation_records(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize("line", ['{"arm": "a"}', "{", "[1]", "3"])
def test_a_line_that_is_no_record_is_named(tmp_path, line):
    path = tmp_path / "records.jsonl"
    path.write_text(json.dumps(record("a")) + "\n" + line + "\n")
    with pytest.raises(ValueError, match="Line 2 of .* is not a record"):
        ablation_records(path)


def test_the_bundled_records_have_what_is_shown():
    for one in ablation_records():
        assert {"arm", "seed", "steps", "images_seen", "seconds", "device"} <= set(one)
        assert all(one[key] is None or 0 < one[key] < 1 for key in ("linear", "knn", "finetune"))


def test_what_was_run_in_words():
    text = describe([*DEFAULT, record("ratio-10")])
    assert "4 records of 2 arms" in text
    assert "444 steps, 28,416 images seen, 3 seeds" in text
    assert "2.0 minutes on a laptop" in text
    assert "about 1.0 points" in text, "sqrt(0.52 x 0.48 / 2500) is 1.0 %"
    assert "--arms default" in describe([])
