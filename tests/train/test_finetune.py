"""Fine-tuning learns, is the same for the same seed, and looks at no held-out image."""

import math

import numpy as np
import pytest
import torch

from mae_lite.train.classifier import make_classifier
from mae_lite.train.finetune import finetune, train_classifier
from mae_lite.train.recipe import FinetuneConfig

QUICK = {"epochs": 2, "batch_size": 8, "blr": 0.05, "drop_path": 0.2, "min_scale": 0.5}


@pytest.fixture
def stripes():
    """A function: pictures with stripes across or down, of two classes that no crop and no flip confuses."""

    def build(n, seed=0, size=(16, 24)):
        g = torch.Generator().manual_seed(seed)
        labels = torch.randint(2, (n,), generator=g)
        phase, height, width = torch.randint(8, (n,), generator=g), *size
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        along = torch.where(labels[:, None, None] == 1, y, x)
        pixels = 90 + 80 * (((along + phase[:, None, None]) // 4) % 2)
        noise = torch.randint(60, (n, 3, height, width), generator=g)
        return (pixels[:, None] + noise).to(torch.uint8), labels

    return build


def run(model, stripes, size=(16, 24), **changes):
    return list(finetune(model, *stripes(44, size=size), *stripes(20, seed=1), FinetuneConfig(**(QUICK | changes))))


def without_time(records):
    return [{key: value for key, value in record.items() if key != "seconds"} for record in records]


def test_it_learns_what_the_frozen_features_do_not_tell(small_model, stripes):
    model = small_model()
    before = [p.clone() for p in model.parameters()]
    records = run(model, stripes, epochs=12, layer_decay=1.0, drop_path=0.0)
    assert [record["epoch"] for record in records] == list(range(1, 13))
    assert records[-1]["accuracy"] >= 0.9, "stripes across and down are easy to tell apart"
    assert records[-1]["loss"] < records[0]["loss"]
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)), "the model was changed"


def test_smoothed_labels_leave_a_loss_however_right_it_is(small_model, stripes):
    """Of two classes, smoothed by 0.6, the target is 0.7 and 0.3: no answer has less than its entropy."""
    last = run(small_model(), stripes, epochs=12, layer_decay=1.0, drop_path=0.0, label_smoothing=0.6)[-1]
    assert last["accuracy"] >= 0.9
    assert last["loss"] >= -(0.7 * math.log(0.7) + 0.3 * math.log(0.3))


@pytest.mark.parametrize("changes", [{}, {"mixup": 0.8, "cutmix": 1.0}, {"blocks": 1}, {"precision": "bf16"}], ids=str)
def test_the_same_seed_gives_the_same_records(small_model, stripes, changes):
    model = small_model()
    one = without_time(run(model, stripes, **changes))
    torch.randn(7), np.random.rand(7)  # noqa: NPY002
    state, legacy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    assert without_time(run(model, stripes, **changes)) == one
    assert torch.equal(torch.get_rng_state(), state), "the caller's random numbers were moved on"
    assert np.array_equal(np.random.get_state()[1], legacy)  # noqa: NPY002
    other = without_time(run(model, stripes, **changes, seed=1))
    assert [record["loss"] for record in other] != [record["loss"] for record in one]


def test_random_numbers_between_epochs_change_nothing(small_model, stripes):
    """A caller may draw while a generator waits."""
    calm = without_time(run(small_model(), stripes))
    records = []
    for record in finetune(small_model(), *stripes(44), *stripes(20, seed=1), FinetuneConfig(**QUICK)):
        torch.manual_seed(99)
        records.append(record)
    assert without_time(records) == calm


def test_held_out_images_have_no_part_in_training(small_model, stripes):
    cfg, train = FinetuneConfig(**QUICK), stripes(44)
    losses = [
        [record["loss"] for record in finetune(small_model(), *train, *stripes(20, seed=seed), cfg)] for seed in (1, 2)
    ]
    assert losses[0] == losses[1]


def test_images_larger_than_the_model_are_cropped_to_it(small_model, stripes):
    assert len(run(small_model(), stripes, size=(32, 48))) == 2


def test_frozen_blocks_stay_and_tuned_ones_move(small_model, stripes):
    cfg = FinetuneConfig(**QUICK, blocks=1)
    vit = make_classifier(small_model(), 2, blocks=1)
    before = {name: p.clone() for name, p in vit.named_parameters()}
    list(train_classifier(vit, small_model().cfg, *stripes(44), cfg))
    moved = {name for name, p in vit.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {name for name in before if name.startswith(("blocks.1.", "norm.", "head."))}


def test_no_path_is_dropped_in_a_frozen_block(small_model, stripes):
    """The features under a lone head are those of the whole encoder, so a probe learns what it will see."""
    cfg, model = FinetuneConfig(**QUICK | {"drop_path": 0.9}, blocks=0), small_model()
    vit = make_classifier(model, 2, blocks=0, drop_path=0.9)
    list(train_classifier(vit, model.cfg, *stripes(44), cfg))
    assert not any(block.training for block in vit.blocks)


def test_rates_by_hand(small_model, stripes, monkeypatch):
    """Warm-up, then half a cosine; the head's rate is the base rate, each layer below has layer_decay of it."""
    import mae_lite.train.finetune as module

    seen, update, classifiers = [], module.update, []

    def noted(optimizers, lr):
        update(optimizers, lr)
        names = {id(p): name for name, p in classifiers[0].named_parameters()}
        seen.append({names[id(p)]: g["lr"] for g in optimizers[0].param_groups for p in g["params"]})

    def made(*args, **options):
        classifiers.append(make_classifier(*args, **options))
        return classifiers[0]

    monkeypatch.setattr(module, "update", noted)
    monkeypatch.setattr(module, "make_classifier", made)
    records = run(small_model(), stripes, epochs=4, warmup_epochs=1.0, layer_decay=0.5)
    steps, peak = 5, 0.05 * 8 / 256  # 44 images in batches of 8
    assert len(seen) == 4 * steps
    for i, rates in enumerate(seen):
        cosine = 0.5 * (1 + math.cos(math.pi * i / (4 * steps)))
        want = peak * (i / steps if i < steps else cosine)
        assert rates["head.1.weight"] == pytest.approx(want), f"step {i}"
        assert rates["blocks.1.mlp.fc1.weight"] == pytest.approx(2 * rates["blocks.0.mlp.fc1.weight"])
        assert rates["patch_embed.proj.weight"] < rates["blocks.0.mlp.fc1.weight"] or i == 0
    assert records[-1]["lr"] == pytest.approx(seen[-1]["head.1.weight"])


@pytest.mark.parametrize(
    ("break_it", "part"),
    [
        (lambda x, y, z, w: (x, y[:-1], z, w), "44 training images with 43 labels"),
        (lambda x, y, z, w: (x, y - 1, z, w), "below 0"),
        (lambda x, y, z, w: (x, y, z[..., 1:], w), "takes images of shape"),
        (lambda x, y, z, w: (x[:1], y[:1], z, w), "two training images at least"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_data_that_cannot_work(small_model, stripes, break_it, part):
    data = break_it(*stripes(44), *stripes(20, seed=1))
    with pytest.raises(ValueError, match=part):
        next(finetune(small_model(), *data, FinetuneConfig(**QUICK)))
