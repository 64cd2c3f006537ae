"""Checks of notebook 09, Transfer: knn_predict, ridge_scores, lead, freeze."""

from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from mae_course.exercises.check import call, compare, compare_numbers, exercise, expect, number, random_tensor
from mae_lite.config import MAEConfig
from mae_lite.mae import MAE
from mae_lite.measure.features import BundledFeatures, load_features
from mae_lite.measure.probes import accuracy, ridge_probe, some_labels
from mae_lite.measure.probes import knn_predict as package_knn
from mae_lite.measure.probes import ridge_scores as package_scores
from mae_lite.train.classifier import freeze as package_freeze
from mae_lite.train.classifier import make_classifier

DEPTH = 3
MINE, DRAWS, SHARE = "mae-lite-mini", range(5), 0.05
"""Whose lead exercise 4 asks for, over how many draws of labels, and the share that the check looks at."""


@exercise
def knn_predict(mine: Any) -> str:
    """`mine(train, labels, test, k)` is the class of most of the k nearest neighbours by cosine."""
    train, labels, test, k = _clear_neighbours()
    got = call(mine, train, labels, test, k, hint="F.normalize(x, dim=1) makes every row of x one long.")
    similarity, index = (F.normalize(test, dim=1) @ F.normalize(train, dim=1).T).topk(k, dim=1)
    near_lines = torch.cdist(test, train).topk(k, largest=False).indices
    far = (F.normalize(test, dim=1) @ -F.normalize(train, dim=1).T).topk(k).indices
    slips = {
        "these are the classes by distance in space; cosine compares directions, so make every row one long.":
            labels[near_lines].mode(dim=1).values,
        "these are the classes by dot product, which long rows win; make the rows of train one long, too.":
            labels[(test @ train.T).topk(k).indices].mode(dim=1).values,
        "these are numbers of images, not classes; labels[index] gives their classes.": index.mode(dim=1).values,
        "these are the classes of all k neighbours; let them vote: one class for each test image.": labels[index],
        "this is the class of the one nearest image; let all k vote.": labels[index[:, 0]],
        "this is the mean of the neighbours' labels; classes are names, and their mean is none of them.":
            labels[index].float().mean(dim=1).round().long(),
        "these are the farthest images; topk takes the largest values, and a cosine is large for alike ones.":
            labels[far].mode(dim=1).values,
    }  # fmt: skip
    compare(got, package_knn(train, labels, test, k=k), slips=slips, otherwise="count the classes of the k nearest.")
    return "directions are compared and neighbours vote; nothing was trained."


def _clear_neighbours() -> tuple[Tensor, Tensor, Tensor, int]:
    """Rows of very different length; test rows whose vote no tie decides. Nine neighbours, classes 0 to 4."""
    train, test, k = random_tensor(90, 3) + 0.3, random_tensor(60, 3, seed=1), 9
    train = train * torch.logspace(-1, 1, 90)[torch.randperm(90, generator=torch.Generator().manual_seed(2))][:, None]
    labels = (F.normalize(train, dim=1) @ random_tensor(3, 5, seed=3) + 0.4 * random_tensor(90, 5, seed=4)).argmax(1)
    index = (F.normalize(test, dim=1) @ F.normalize(train, dim=1).T).topk(k).indices
    votes = F.one_hot(labels[index], 5).sum(dim=1).sort(dim=1).values
    return train, labels, test[votes[:, -1] > votes[:, -2]], k


@exercise
def ridge_scores(mine: Any) -> str:
    """`mine(train, labels, test, ridge)` gives the scores of a linear probe with BatchNorm in front."""
    train, test, labels = random_tensor(70, 4), 2 + 0.5 * random_tensor(31, 4, seed=1), torch.arange(70) % 3
    train = (train + F.one_hot(labels, 4)) * torch.tensor([0.1, 1.0, 5.0, 20.0]) + torch.tensor([1.0, -2.0, 3.0, 0.0])
    test = test * torch.tensor([0.1, 1.0, 5.0, 20.0])
    labels[labels == 2] = 0  # classes of different size, so that the bias counts
    labels = labels.where(labels != 1, 2 - (torch.arange(70) % 2))
    got = call(mine, train, labels, test, 3.0, hint="F.one_hot(labels) is (n, classes), and has to be made float.")
    own, both = _standard(test, test), torch.cat([train, test])
    x, z = _standard(train, train), _standard(test, train)
    slips = {
        "the test features are standardised by their own statistics; they have to be those of the training features, "
        "or what is said of one image hangs on the others it came with.": _scores(x, labels, own),
        "the statistics are those of training and test features together; the held-out images must have no part in it.":
            _scores(_standard(train, both), labels, _standard(test, both)),
        "both sets are standardised by the statistics of the test features; only the training ones may be looked at.":
            _scores(_standard(train, test), labels, own),
        "the features are not standardised, so the ridge punishes those with small units; take off the mean, divide by "
        "the standard deviation.": _scores(train - train.mean(0), labels, test - train.mean(0)),
        "the features have not been standardised at all; take off the mean and divide by the standard deviation.":
            _scores(train, labels, test),
        "the bias is missing: rare classes start lower. Fit one_hot - its mean, and add the mean to the scores.":
            _scores(x, labels, z, bias=0.0),
        "the ridge is missing, or not the one that was given.": _scores(x, labels, z, ridge=0.0),
        "the probe is fitted to the whole one-hot table, and then its mean is added on top; fit to one_hot - mean.":
            _scores(x, labels, z, bias=0.0) + F.one_hot(labels).float().mean(0),
    }  # fmt: skip
    compare(
        got, package_scores(train, labels, test, 3.0), slips=slips, otherwise="W = (X'X + ridge I)^-1 X'(Y - mean)."
    )
    return "the probe is fitted, and its statistics are taken, on the training features alone."


def _standard(x: Tensor, by: Tensor) -> Tensor:
    return (x - by.mean(dim=0)) / by.std(dim=0, correction=0)


def _scores(x: Tensor, labels: Tensor, z: Tensor, ridge: float = 3.0, bias: float = 1.0) -> Tensor:
    """Scores of a ridge regression on features as they are; `bias` scales the mean of the one-hot table."""
    onehot = F.one_hot(labels).float()
    mean = bias * onehot.mean(dim=0)
    return z @ torch.linalg.solve(x.T @ x + ridge * torch.eye(x.shape[1]), x.T @ (onehot - mean)) + mean


@exercise
def freeze(mine: Any) -> str:
    """`mine(vit, blocks)` leaves gradients to the head, the last norm and the last `blocks` blocks; returns vit."""
    for blocks in (1, 2, 0):
        vit = call(mine, _classifier(), blocks, hint="vit.requires_grad_(False) switches all of it off.")
        expect(
            isinstance(vit, VisionTransformer),
            f"return vit itself, not a {type(vit).__name__}; the training that follows takes it.",
        )
        want, got = _learning(package_freeze, blocks), _learning(lambda vit, _, same=vit: same, blocks)
        expect(bool(got), "nothing learns any more, not even the head; switch its gradients on again.")
        _explain(got, want, blocks)
    return "gradients reach the head and the last blocks, and nothing else; with 0 blocks this is linear probing."


def _explain(got: set[str], want: set[str], blocks: int) -> None:
    """Name the part that learns and should not, or the other way round."""
    everything, told = _learning(package_freeze, DEPTH), f"with blocks = {blocks} "
    extra, missing = got - want, want - got
    if blocks == 0 and any("blocks." in name for name in extra):
        expect(False, f"{told}every block learns: vit.blocks[-0:] is all of them. Count from the front: len - blocks.")
    expect(
        got != everything,
        f"{told}everything still learns. part.requires_grad = False on a module only writes a word on it; "
        "part.requires_grad_(False), with the underscore, reaches its weights.",
    )
    expect("head.1.weight" not in missing, f"{told}the head does not learn, and it starts at zero.")
    first = {name for name in missing | extra if name.startswith("blocks.")}
    if any(name.startswith("blocks.0.") for name in extra):
        expect(False, f"{told}the first block learns; the last ones are those next to the head.")
    expect(not first, f"{told}these should be the other way round: {', '.join(sorted(first)[:2])}, ...")
    low = [name for name in sorted(extra) if name.startswith(("patch_embed", "cls_token"))]
    expect(not low, f"{told}{' and '.join(low)} still learn below the frozen blocks; switch all of vit off first.")
    expect(not missing - first, f"{told}the last norm does not learn; it stands between the tuned blocks and the head.")
    expect(not extra, f"{told}{', '.join(sorted(extra))} should not learn: 0 is the head alone.")


@exercise
def lead(mine: Any) -> str:
    """`mine(data, share)` is the lead of MAE's features over the better control, in points, mean of five draws."""
    data = load_features()
    hint = "probes.some_labels(data.labels, share, seed=0) gives the images of a draw."
    got = number(call(mine, data, SHARE, hint=hint))
    rows = {name: _by_draw(data, name) for name in data.train}
    mean = {name: sum(row) / len(row) for name, row in rows.items()}
    controls = [value for name, value in mean.items() if name != MINE]
    want = 100 * (mean[MINE] - max(controls))
    on_training = {name: _by_draw(data, name, seen=True) for name in data.train}
    first = {name: row[0] for name, row in rows.items()}
    slips = {
        "this is a share; points are per cent, so times 100.": want / 100,
        "this is the lead over the weaker control; a feature has to beat the better one.":
            100 * (mean[MINE] - min(controls)),
        "this is a ratio; take the difference of the two accuracies, in points.": mean[MINE] / max(controls),
        "this is one draw; with few labels draws differ by points, so take the mean of five, seeds 0 to 4.":
            100 * (first[MINE] - max(first["untrained"], first["raw pixels"])),
        "this is the accuracy on images the probe was fitted to; measure on data.test with data.test_labels.":
            _lead({name: sum(row) / len(row) for name, row in on_training.items()}),
        "this is the lead with all labels; keep only the images of the draw, of features and labels alike.":
            _lead({name: _accuracy(data, name, slice(None)) for name in data.train}),
    }  # fmt: skip
    rule = f"this is {got:.2f}; mean accuracy of {MINE} minus the larger of the two other means, times 100."
    compare_numbers(got, want, slips=slips, otherwise=rule, rtol=5e-3)
    return f"with {SHARE:.0%} of the labels the lead is {want:+.1f} points; now ask it at 1, 10 and 100 %."


def _lead(mean: dict[str, float]) -> float:
    return 100 * (mean[MINE] - max(value for name, value in mean.items() if name != MINE))


def _accuracy(data: BundledFeatures, name: str, few: Any, seen: bool = False) -> float:
    """Of the ridge probe fitted to some images, on the held-out ones, or on those it has seen."""
    x, labels = data.train[name][few], data.labels[few]
    test, truth = (x, labels) if seen else (data.test[name], data.test_labels)
    return accuracy(ridge_probe(x, labels, test), truth)


def _by_draw(data: BundledFeatures, name: str, seen: bool = False) -> list[float]:
    return [_accuracy(data, name, some_labels(data.labels, SHARE, seed=seed), seen) for seed in DRAWS]


@lru_cache(maxsize=1)
def _encoder() -> MAE:
    cfg = MAEConfig(
        img_size=(16, 24), patch_size=8, embed_dim=12, depth=DEPTH, num_heads=2,
        decoder_embed_dim=8, decoder_depth=1, decoder_num_heads=2,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MAE(cfg)


def _classifier() -> VisionTransformer:
    """Everything learns; the head is away from zero, so that gradients pass it."""
    vit = make_classifier(_encoder(), 4)
    with torch.no_grad():
        vit.head[-1].weight.copy_(random_tensor(4, 12))
    return vit


def _learning(freezer: Any, blocks: int) -> set[str]:
    """The names of the weights that get a gradient once `freezer` has been at work."""
    vit = _classifier()
    vit = freezer(vit, blocks) or vit
    with torch.enable_grad():
        loss = vit(random_tensor(6, 3, 16, 24)).square().sum()
        if not loss.requires_grad:
            return set()
        loss.backward()
    return {name for name, p in vit.named_parameters() if p.grad is not None and bool(p.grad.abs().max() > 0)}
