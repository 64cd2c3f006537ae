"""What features are worth to a simple classifier: nearest neighbours and a linear layer (section 4.3, appendix A.1).

The features stay as they are, and everything that is fitted, statistics too, comes from the training features alone.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Shaped
from torch import Tensor

BN_EPS = 1e-6
"""What BatchNorm adds to a variance; smaller ones count as none."""


def knn_predict(
    train: Float[Tensor, "n d"], labels: Int[Tensor, " n"], test: Float[Tensor, "m d"], *, k: int = 20
) -> Int[Tensor, " m"]:
    """The class that most of the k nearest training features have, by cosine similarity.

    A tie goes to the class whose neighbours are more similar, taken together.

    Args:
        train: features of labelled images.
        labels: their classes, any whole numbers.
        test: features to classify.
        k: neighbours that vote.

    Raises:
        ValueError: if there are fewer than k training features, or not a label for each.
    """
    classes, targets = _classes(train, labels)
    if not 0 < k <= len(train):
        raise ValueError(f"k is {k}, but there are {len(train)} training features; use a k from 1 to {len(train)}.")
    train, found = F.normalize(train.float(), dim=1), []
    for part in F.normalize(test.float(), dim=1).split(512):
        near, index = (part @ train.T).topk(k, dim=1)  # (m, k)
        votes = F.one_hot(targets[index], len(classes)).double()  # (m, k, classes)
        similarity = (votes * near[..., None]).sum(dim=1)
        found.append((votes.sum(dim=1) + similarity / (2 * k + 1)).argmax(dim=1))  # under one vote apart: only ties
    return classes[torch.cat(found)]


def standardise(
    train: Float[Tensor, "n d"], test: Float[Tensor, "m d"]
) -> tuple[Float[Tensor, "n d"], Float[Tensor, "m d"]]:
    """BatchNorm without affine, as in front of the paper's linear probe (A.1): mean 0, variance 1 on `train`.

    `test` is moved and scaled by the statistics of `train`: its own would be a look at the held-out images.
    """
    train, test = train.float(), test.float()
    var, mean = torch.var_mean(train, dim=0, correction=0)
    std = (var + BN_EPS).sqrt()
    return (train - mean) / std, (test - mean) / std


def linear_probe(
    train: Float[Tensor, "n d"],
    labels: Int[Tensor, " n"],
    test: Float[Tensor, "m d"],
    *,
    ridge: float = 1.0,
    max_iter: int = 500,
) -> Int[Tensor, " m"]:
    """Classes predicted by one linear layer on standardised features: multinomial logistic regression.

    The paper trains it for 90 epochs of augmented images by LARS (Table 10). On fixed features the problem is convex,
    so LBFGS finds the one best layer, with no learning rate to tune.

    Args:
        train: features of labelled images.
        labels: their classes, any whole numbers.
        test: features to classify.
        ridge: weight of the penalty ridge / 2 x |W|^2 beside the sum of the n losses, so that there is a minimum even
            for separable classes; 1 everywhere here.
        max_iter: bound on LBFGS's steps.

    Raises:
        ValueError: if there is not a label for each training feature.
    """
    classes, targets = _classes(train, labels)
    train, test = standardise(train, test)
    weight = train.new_zeros(len(classes), train.shape[1] + 1, requires_grad=True)  # the last column is the bias
    solver = torch.optim.LBFGS(
        [weight], max_iter=max_iter, tolerance_grad=1e-5, tolerance_change=1e-9, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        solver.zero_grad()
        loss = F.cross_entropy(F.linear(train, weight[:, :-1], weight[:, -1]), targets)
        loss = loss + ridge / (2 * len(train)) * weight[:, :-1].square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        solver.step(closure)
    weight = weight.detach()
    return classes[F.linear(test, weight[:, :-1], weight[:, -1]).argmax(dim=1)]


def linear_readout(
    x: Float[Tensor, "m d"], y: Float[Tensor, "m k"], asked: Float[Tensor, "m2 d"], *, ridge: float = 1.0
) -> Float[Tensor, "m2 k"]:
    """Linear regression from x to y in closed form, with an intercept, and what it says of `asked`.

    Least squares on standardised x: W = (X'X + ridge I)^-1 X'(Y - mean of Y). The mean is the best intercept, since
    each column of X has mean 0.
    """
    x, asked = (part.double() for part in standardise(x, asked))
    mean = y.double().mean(dim=0)
    gram = x.T @ x + ridge * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    return (asked @ torch.linalg.solve(gram, x.T @ (y.double() - mean)) + mean).to(y)


def ridge_scores(
    train: Float[Tensor, "n d"], labels: Int[Tensor, " n"], test: Float[Tensor, "m d"], ridge: float = 1.0
) -> Float[Tensor, "m c"]:
    """A linear probe in closed form: `linear_readout` of one-hot classes.

    Args:
        train: features of labelled images.
        labels: their classes, any whole numbers.
        test: features to classify.
        ridge: added to the diagonal.

    Returns:
        A score for each test image and class, the classes in ascending order.

    Raises:
        ValueError: if there is not a label for each training feature.
    """
    classes, targets = _classes(train, labels)
    return linear_readout(train, F.one_hot(targets, len(classes)).float(), test, ridge=ridge)


def ridge_probe(
    train: Float[Tensor, "n d"], labels: Int[Tensor, " n"], test: Float[Tensor, "m d"], *, ridge: float = 1.0
) -> Int[Tensor, " m"]:
    """Classes by `ridge_scores`, which takes the same: a probe that takes milliseconds."""
    return labels.unique().to(train.device)[ridge_scores(train, labels, test, ridge).argmax(dim=1)]


def accuracy(predicted: Int[Tensor, " m"], labels: Int[Tensor, " m"]) -> float:
    """Share of right predictions, 0 to 1."""
    return (predicted == labels.to(predicted.device)).float().mean().item()


def some_labels(labels: Int[Tensor, " n"], fraction: float, *, seed: int = 0) -> Int[Tensor, " n_few"]:
    """Which images keep their label: a share of each class, at least one image of it, drawn by the seed.

    Draws are nested: a larger fraction of the same seed holds the smaller one.

    Args:
        labels: classes of all images.
        fraction: share to keep, above 0 and at most 1.
        seed: which draw.

    Returns:
        Indices into `labels`, ascending.

    Raises:
        ValueError: if the fraction is not above 0 and at most 1.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction is {fraction}; it must be above 0 and at most 1.")
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    kept = [order[labels.cpu()[order] == c] for c in labels.unique().tolist()]
    return torch.cat([part[: max(1, round(fraction * len(part)))] for part in kept]).sort().values


def _classes(train: Tensor, labels: Tensor) -> tuple[Shaped[Tensor, " c"], Int[Tensor, " n"]]:
    """The classes there are, and each label's place among them."""
    if len(train) == 0 or len(train) != len(labels):
        raise ValueError(f"{len(train)} training features and {len(labels)} labels; give one label for each feature.")
    return labels.to(train.device).unique(return_inverse=True)
