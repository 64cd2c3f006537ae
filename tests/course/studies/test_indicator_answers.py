import pytest
import torch

from mae_course.studies import denoising
from mae_course.studies.arms import ARMS as ABLATION_ARMS
from mae_course.studies.fillers import KINDS, count_parameters, load_filler
from mae_course.studies.indicator_answers import (
    CONTROLS,
    MASK_ARM,
    answer,
    by_depth,
    compare_kinds,
    denoising_records,
    describe_race,
    left_over,
    noise,
    noise_between,
    pooled_deviation,
    probe_answer,
    race_records,
    race_table,
    values,
    weigh,
)
from mae_course.studies.indicators import MEASURED, SEEDS, TASK, harmonic_error, score
from mae_lite.train.data import ImageSource, load_images
from mae_lite.weights.assets import asset_path, list_photos


def run(kind, seed, mse, **more):
    return {"kind": kind, "seed": seed, "mse": mse, "skill": 1 - mse / 0.5, "harmonic_mse": 0.5, **more} | {
        "parameters": 400_000, "seconds": 100.0,
    }  # fmt: skip


@pytest.fixture
def records():
    """Deviations 0.0141 each: a difference of two means counts from 0.0283."""
    means = {"zeros": 0.40, "mask channel": 0.35, "gated": 0.45, "partial": 0.41}
    return [run(kind, seed, m + (0.01 if seed else -0.01)) for kind, m in means.items() for seed in (0, 1)]


def test_deviation_is_pooled_over_groups():
    assert pooled_deviation([(1.0, 3.0), (10.0, 10.0, 13.0)]) == pytest.approx(((2 + 6) / 3) ** 0.5)
    assert pooled_deviation([(1.0,), (5.0,)]) is None


def test_a_difference_counts_from_twice_its_deviation():
    assert weigh((1.0, 1.2), (2.0, 2.0), 0.4) == -1, "0.9 apart; 2 x 0.4 counts"
    assert weigh((2.0, 2.0), (1.0, 1.2), 0.4) == 1
    assert weigh((1.0, 1.2), (2.0, 2.0), 0.5) == 0
    assert weigh((1.0,), (2.0,), 0.4) == 0, "with one run each it takes 1.13"
    assert weigh((1.0,), (2.0,), None) == 0


def test_answers_follow_the_records(records):
    assert noise(records) == pytest.approx(0.0002**0.5)
    better = '"mask channel": error 0.350, 12.5 % less than "zeros" (0.400): it helps.'
    assert answer(records, "mask channel") == better
    assert answer(records, "gated").endswith('12.5 % more than "zeros" (0.400): it loses.')
    assert answer(records, "partial").endswith("within seed noise.")
    assert answer(records, "gated", against="mask channel").endswith("(0.350): it is worse.")
    assert [compare_kinds(records, kind) for kind in ("mask channel", "gated", "partial", "vit")] == [-1, 1, 0, None]


def test_a_transformer_that_varies_more_does_not_drown_the_convolutions(records):
    records += [run("vit", 0, 0.50), run("vit", 1, 0.90)]
    assert compare_kinds(records, "gated") == 1, "as without it"
    assert compare_kinds(records, "vit") == 0, "its own spread counts for itself"
    assert noise(records) > 5 * noise_between(records, "gated", "zeros")
    assert noise_between(records, "vit", "zeros") == pytest.approx(((0.08 + 0.0002) / 2) ** 0.5)


def test_a_missing_record_is_named_with_its_command(records):
    assert '"vit" has no record; run python -m mae_course.studies.indicators' in answer(records, "vit")
    assert '"sparse" has no record' in answer(records, "gated", against="sparse")
    assert describe_race([]).startswith("No record of the race yet")


def test_measures_by_depth_are_means_over_seeds():
    two = [run("zeros", 0, 0.4, empty=[1.0, 0.5, 0.0]), run("zeros", 1, 0.4, empty=[1.0, 0.25, 0.0])]
    found = by_depth([*two, run("vit", 0, 0.5, empty=None)], "empty", ("zeros", "vit", "sparse"))
    assert list(found) == ["zeros"], "those that have none are left out"
    torch.testing.assert_close(found["zeros"], torch.tensor([1.0, 0.375, 0.0]))


def test_the_table_has_every_kind_best_first(records):
    table = race_table(records)
    rows = [tuple(line.split(" | ")) for line in table.alt.splitlines()[2:]]
    assert [row[0] for row in rows[:4]] == ["mask channel", "zeros", "partial", "gated"]
    assert sorted(row[0] for row in rows) == sorted(KINDS)
    assert rows[0] == (
        "mask channel", KINDS["mask channel"], "400,000", "0.350", "0.340, 0.360", "+30.0%", "less error",
    )  # fmt: skip
    assert rows[-1][3] == "no record"
    shown = table._repr_mimebundle_()
    assert shown["text/html"].count("<tr>") == 1 + len(KINDS)
    assert '<th scope="row"' in shown["text/html"]
    assert "the deviation of a run is 0.0141 among convolutions" in shown["text/plain"]


def arm(name, seed, linear, **more):
    return {"arm": name, "seed": seed, "linear": linear, "knn": 0.4, "mse": None} | more


def test_what_is_left_is_a_share_of_doing_nothing():
    """Of hidden patches for those that fill patches: three quarters are hidden, so nothing is 4/3 as much there."""
    records = [
        arm("default", 0, 0.5, mse=0.5), arm("dropped-patches", 0, 0.5, mse=0.6, corrupted=0.75, restored=0.5),
        arm("gaussian", 0, 0.5, corrupted=1.0, restored=0.2),
    ]  # fmt: skip
    assert left_over(records, "default") == [0.5]
    assert left_over(records, "dropped-patches") == [0.6]
    assert left_over(records, "gaussian") == [0.2]
    assert left_over(records[:1], "default") == [], "without the dropped patches' record nothing says what 1 is"


def test_probes_are_judged_by_seeds():
    records = [arm("default", s, 0.50 + 0.01 * s) for s in range(3)] + [
        arm("gaussian", s, 0.30 + 0.01 * s) for s in (0, 1)
    ]
    assert probe_answer(records, "gaussian") == "gaussian: 30.5 %, MAE 51.0 %: MAE is ahead."
    assert "no record" in probe_answer(records, "dropped-pixels")


# The bundled records


def test_bundled_race_holds_every_kind_with_every_seed():
    records = race_records()
    assert [(r["kind"], r["seed"]) for r in records] == [(kind, seed) for kind in KINDS for seed in SEEDS]
    assert len(SEEDS) >= 2
    for r in records:
        assert all(r[key] is not None for key in MEASURED) or r["kind"] == "vit"
        assert 0 < r["mse"] < 1.5
        assert r["skill"] == pytest.approx(1 - r["mse"] / r["harmonic_mse"])
        assert r["parameters"] == pytest.approx(400_000, rel=0.08)
        assert r["device"]
    same = {(r["steps"], r["images_seen"], r["train_images"], r["test_images"], r["harmonic_mse"]) for r in records}
    assert len(same) == 1, "equal budget, equal images"
    assert all("no record" not in answer(records, kind) for kind in KINDS)


def test_bundled_denoising_holds_every_arm_with_every_seed_and_is_comparable():
    records = denoising_records()
    wanted = {(name, seed) for name, one in denoising.ARMS.items() for seed in one.seeds}
    wanted |= {(MASK_ARM, seed) for seed in ABLATION_ARMS[MASK_ARM].seeds} | {(name, 0) for name in CONTROLS}
    assert {(r["arm"], r["seed"]) for r in records} == wanted
    trained = [r for r in records if r["arm"] not in CONTROLS]
    assert len({(r["steps"], r["images_seen"]) for r in trained}) == 1, "equal budget"
    for name in denoising.ARMS:
        assert len(values(records, name, "restored")) == len(denoising.ARMS[name].seeds)
        assert all(0 < share < 1 for share in left_over(records, name)), "it undoes something of its own damage"


@pytest.mark.parametrize("kind", ["zeros", "partial", "sparse"])
def test_bundled_networks_are_those_of_the_records(kind):
    """Their test images are not here, but on photos they never saw they must do about as well, beside the soap film."""
    net = load_filler(asset_path("fillers", f"{kind}.safetensors"))
    assert net.kind == kind
    assert count_parameters(net) == values(race_records(), kind, "parameters")[0]
    photos, _, _ = load_images(ImageSource(list_photos()), TASK.img_size)
    skill = score(net, photos, harmonic_error(photos))["skill"]
    assert skill == pytest.approx(values(race_records(), kind, "skill")[0], abs=0.1)
