"""Probes against slow references, invariances, and leaks."""

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mae_lite.measure.probes import accuracy, knn_predict, linear_probe, ridge_probe, some_labels, standardise

PROBES = {"linear": linear_probe, "ridge": ridge_probe}


def blobs(n=60, classes=3, d=7, spread=0.3, seed=0):
    """Points around centres far apart, classes of any number, shuffled."""
    g = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, d, generator=g)
    which = torch.randint(classes, (n,), generator=g)
    return centres[which] + spread * torch.randn(n, d, generator=g), 10 * which + 4


def slow_knn(train, labels, test, k):
    """By the words of the definition, one image and one neighbour at a time."""
    found = []
    for x in test.double():
        pairs = [((x @ t / (x.norm() * t.norm())).item(), int(y)) for t, y in zip(train.double(), labels, strict=True)]
        near = sorted(pairs, reverse=True)[:k]
        votes = Counter(y for _, y in near)
        found.append(max(votes, key=lambda y: (votes[y], sum(s for s, z in near if z == y))))
    return torch.tensor(found)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 12), classes=st.integers(2, 5))
def test_knn_is_the_slow_reference(seed, k, classes):
    """Few neighbours and several classes: many ties."""
    g = torch.Generator().manual_seed(seed)
    train, test = torch.randn(12, 3, generator=g), torch.randn(9, 3, generator=g)
    labels = 7 - 3 * torch.randint(classes, (12,), generator=g)
    assert torch.equal(knn_predict(train, labels, test, k=k), slow_knn(train, labels, test, k))


def test_a_tie_goes_to_the_nearer_class():
    train = torch.tensor([[1.0, 0.2], [1.0, -0.2], [1.0, 0.1], [1.0, 0.4]])
    labels = torch.tensor([5, 5, 2, 2])  # two votes each; 5 is at similarity .98 and .98, 2 at .995 and .93
    assert knn_predict(train, labels, torch.tensor([[1.0, 0.0]]), k=4).tolist() == [5]


def test_votes_count_before_similarity():
    train = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.1, 1.0]])
    labels = torch.tensor([0, 1, 1])  # one perfect neighbour, two poor ones
    assert knn_predict(train, labels, torch.tensor([[1.0, 0.01]]), k=3).tolist() == [1]


def test_knn_looks_at_directions_only():
    train, labels = blobs()
    test, _ = blobs(seed=1)
    lengths = torch.linspace(0.1, 50, len(train))[:, None]
    assert torch.equal(knn_predict(train, labels, test), knn_predict(train * lengths, labels, test * 3))


@pytest.mark.parametrize("name", PROBES)
def test_separable_classes_are_separated(name):
    train, labels = blobs(90)
    assert accuracy(PROBES[name](train[:60], labels[:60], train[60:]), labels[60:]) == 1


@pytest.mark.parametrize("name", PROBES)
def test_labels_that_mean_nothing_give_chance(name):
    g = torch.Generator().manual_seed(3)
    train, test = torch.randn(400, 5, generator=g), torch.randn(2000, 5, generator=g)
    labels, truth = torch.randint(4, (400,), generator=g), torch.randint(4, (2000,), generator=g)
    assert accuracy(PROBES[name](train, labels, test), truth) == pytest.approx(0.25, abs=0.04)


@pytest.mark.parametrize("name", PROBES)
def test_no_unit_and_no_offset_of_a_feature_matters(name):
    """BatchNorm in front takes them out, so features of any scale can be compared."""
    train, labels = blobs(80, 4, spread=1.5)
    test, _ = blobs(50, 4, spread=1.5, seed=1)
    scale, offset = torch.logspace(-1, 3, 7), torch.linspace(-5, 5, 7)
    before, after = (PROBES[name](f(train), labels, f(test)) for f in (lambda x: x, lambda x: x * scale + offset))
    assert (before != after).sum() <= 1, "one image may lie on a border"
    assert len(before.unique()) == 4


@pytest.mark.parametrize("name", [*PROBES, "knn"])
def test_no_leak_from_test_images(name):
    """What is said of an image does not hang on which others are asked about: all statistics are of the training."""
    train, labels = blobs(80, 4, spread=1.5)
    test, _ = blobs(40, 4, spread=1.5, seed=1)
    probe = PROBES.get(name, knn_predict)
    company = torch.cat([test, 1000 + 50 * test])
    together = probe(train, labels, company)[:40]
    alone = torch.cat([probe(train, labels, test[i : i + 1]) for i in range(0, 40, 4)])
    assert torch.equal(together, probe(train, labels, test))
    assert torch.equal(together[::4], alone)


def test_statistics_are_of_the_training_features():
    train, test = torch.tensor([[1.0, 5], [3, 5], [5, 5]]), torch.tensor([[7.0, 6]])
    a, b = standardise(train, test)
    unit = (8 / 3) ** 0.5  # mean 3, variance 8 / 3
    torch.testing.assert_close(a, torch.tensor([[-2 / unit, 0], [0, 0], [2 / unit, 0]]))
    torch.testing.assert_close(b[0, 0].item(), 4 / unit, rtol=1e-4, atol=0)


def test_standardise_is_batchnorm_in_torch():
    train, _ = blobs()
    norm = torch.nn.BatchNorm1d(7, eps=1e-6, affine=False, momentum=1.0)
    torch.testing.assert_close(standardise(train, train)[0], norm(train))


def test_linear_probe_finds_the_minimum_of_its_objective():
    """Newton's method in float64 on the same convex objective, written out, predicts the same."""
    train, labels = blobs(50, 3, d=4, spread=1.2)
    test, _ = blobs(200, 3, d=4, spread=1.2, seed=1)
    x, z = (torch.cat([s, torch.ones(len(s), 1)], 1).double() for s in standardise(train, test))
    y = labels // 10
    weight = torch.zeros(3 * 5, dtype=torch.float64)

    def objective(w):
        w = w.view(3, 5)
        return -(x @ w.T).log_softmax(1)[range(50), y].sum() + 0.5 * w[:, :4].square().sum()

    for _ in range(20):
        hessian = torch.autograd.functional.hessian(objective, weight) + 1e-9 * torch.eye(15)
        weight = weight - torch.linalg.solve(hessian, torch.autograd.functional.jacobian(objective, weight))
    want = (z @ weight.view(3, 5).T).argmax(1) * 10 + 4
    assert (linear_probe(train, labels, test) != want).sum() <= 1
    assert accuracy(want, linear_probe(train, labels, test, ridge=1e5)) < 1, "the ridge has no effect"


def test_ridge_probe_is_gradient_descent_on_squares():
    train, labels = blobs(40, 3, d=4, spread=1.5)
    test, _ = blobs(200, 3, d=4, spread=1.5, seed=1)
    x, z = (s.double() for s in standardise(train, test))
    y = torch.nn.functional.one_hot(labels // 10).double()
    weight, bias = torch.zeros(4, 3).double(), torch.zeros(3).double()
    for _ in range(4000):
        error = x @ weight + bias - y
        weight, bias = weight - 0.005 * (x.T @ error + 2.0 * weight), bias - 0.005 * error.sum(0)
    want = (z @ weight + bias).argmax(1) * 10 + 4
    assert torch.equal(ridge_probe(train, labels, test, ridge=2.0), want)


def test_probes_run_where_gradients_are_switched_off():
    train, labels = blobs()
    with torch.no_grad():
        assert accuracy(linear_probe(train, labels, train), labels) == 1


def test_accuracy_by_hand():
    assert accuracy(torch.tensor([1, 2, 3, 3]), torch.tensor([1, 2, 0, 3])) == 0.75


def test_some_labels_are_balanced_and_nested():
    labels = torch.tensor([3] * 40 + [1] * 200 + [7] * 2)[
        torch.randperm(242, generator=torch.Generator().manual_seed(0))
    ]
    few, more = some_labels(labels, 0.1, seed=5), some_labels(labels, 0.5, seed=5)
    assert {c: (labels[few] == c).sum().item() for c in (1, 3, 7)} == {1: 20, 3: 4, 7: 1}
    assert set(few.tolist()) <= set(more.tolist())
    assert torch.equal(some_labels(labels, 1.0), torch.arange(242))
    assert not torch.equal(few, some_labels(labels, 0.1, seed=6))


@pytest.mark.parametrize(
    ("call", "part"),
    [
        (lambda x, y: knn_predict(x, y, x, k=61), "from 1 to 60"),
        (lambda x, y: knn_predict(x, y[:-1], x), "60 training features and 59 labels"),
        (lambda x, y: linear_probe(x, y[:-1], x), "60 training features and 59 labels"),
        (lambda x, y: some_labels(y, 0.0), "above 0"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_cannot_work_is_told(call, part):
    with pytest.raises(ValueError, match=part):
        call(*blobs())
