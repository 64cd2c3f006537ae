"""The study of hidden words: its text, its models, its ways to fill, its training, its record."""

import copy
import json
import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mae_course.studies import masked_text, redundancy, text_training
from mae_course.studies.text_data import (
    MASK,
    SENTENCE,
    UNK,
    Vocabulary,
    read_chapters,
    split_chapters,
    split_words,
    windows,
)
from mae_course.studies.text_fill import (
    RATIOS,
    causal_fill,
    count_pairs,
    frequent_fill,
    masked_fill,
    neighbour_fill,
    share_right,
)
from mae_course.studies.text_model import TextConfig, WordModel, load_word_model, save_word_model, shifted
from mae_course.studies.text_training import TextTraining, text_loss, train_words
from mae_lite.layers import Attention, Block
from mae_lite.masking import random_mask
from mae_lite.weights.assets import asset_path

SMALL = {"vocab_size": 11, "length": 7, "embed_dim": 8, "depth": 2, "num_heads": 2}


def small(causal):
    torch.manual_seed(0)
    return WordModel(TextConfig(**SMALL, causal=causal)).eval()


@pytest.fixture
def ids():
    return torch.randint(2, 11, (5, 7), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def mask():
    return random_mask(7, 0.45, batch_size=5, seed=3)


# Text


def test_chapters_are_five_novels_in_order():
    chapters = read_chapters()
    count = {"Sense and Sensibility": 50, "Pride and Prejudice": 61, "Mansfield Park": 48, "Emma": 55, "Persuasion": 24}
    assert list(chapters) == [f"{novel}, chapter {k}" for novel, n in count.items() for k in range(1, n + 1)]
    assert chapters["Pride and Prejudice, chapter 1"].startswith(
        "It is a truth universally acknowledged, that a single"
    )
    assert "# " not in "".join(chapters.values())


def test_words():
    assert split_words("Mr. Bennet's _dear_ wife, she-wolf;--o'clock!") == [
        "mr", "bennet's", "dear", "wife", "she", "wolf", "o'clock"
    ]  # fmt: skip


def test_held_out_chapters_are_every_tenth_and_nothing_is_lost():
    train, held_out = split_chapters()
    chapters = {name: split_words(text) for name, text in read_chapters().items()}
    assert len(train) + len(held_out) == sum(map(len, chapters.values()))
    assert held_out[:5] == chapters["Sense and Sensibility, chapter 1"][:5]
    assert held_out[-5:] == chapters["Persuasion, chapter 21"][-5:]
    assert " ".join(chapters["Emma, chapter 11"]) in " ".join(held_out)
    assert " ".join(chapters["Emma, chapter 2"]) in " ".join(train)


def test_the_sentence_of_the_notebook_is_held_out():
    train, held_out = (" ".join(part) for part in split_chapters())
    assert SENTENCE in held_out
    assert SENTENCE not in train


def test_vocabulary_keeps_the_most_frequent_and_comes_back():
    vocabulary = Vocabulary.of(["b", "a", "b", "c", "a", "b", "d"], size=4)
    assert vocabulary.words == ["<mask>", "<unk>", "b", "a"]
    assert vocabulary.encode(["a", "c", "b"]).tolist() == [3, UNK, 2]
    assert vocabulary.decode([2, 1]) == ["b", "<unk>"]


def test_windows_follow_each_other_and_drop_the_rest():
    assert windows(torch.arange(8), 3).tolist() == [[0, 1, 2], [3, 4, 5]]


# Models


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_the_packages_but_for_the_distance_bias(causal):
    """With the bias taken away, a two-way model's attention is `Attention`; a causal one is it with a mask."""
    attn = small(causal).blocks[0].attn
    torch.nn.init.zeros_(attn.distance_bias)
    plain = Attention(8, 2)
    plain.load_state_dict({key: value for key, value in attn.state_dict().items() if key != "distance_bias"})
    x = torch.randn(3, 5, 8)
    if not causal:
        torch.testing.assert_close(attn(x), plain(x))
    for k in range(5 if causal else 0):  # what place k gets is what plain attention gives to the words up to it
        torch.testing.assert_close(attn(x)[:, k], plain(x[:, : k + 1])[:, k])


def test_distance_bias_is_by_head_and_signed_distance():
    attn = small(False).blocks[0].attn
    centre = attn.distance_bias.shape[2] // 2
    assert attn.distance_bias.shape == (2, 1, 13)
    assert attn.distance_bias[:, 0].argmax(dim=1).tolist() == [centre - 1, centre + 1], "one looks left, one right"
    torch.nn.init.zeros_(attn.qkv.weight)
    with torch.no_grad():
        attn.distance_bias.fill_(-50.0)
        attn.distance_bias[0, 0, centre - 2] = attn.distance_bias[1, 0, centre + 1] = 50.0
        attn.qkv.weight[16:] = attn.proj.weight.copy_(torch.eye(8))  # the values are the words themselves
        attn.qkv.bias.zero_(), attn.proj.bias.zero_()
    x = torch.randn(1, 6, 8)
    torch.testing.assert_close(attn(x)[0, 3], torch.cat([x[0, 1, :4], x[0, 4, 4:]]))


def test_both_kinds_are_the_packages_blocks_and_equally_large():
    masked, causal = small(False), small(True)
    assert all(type(block) is Block for block in (*masked.blocks, *causal.blocks))
    assert sum(p.numel() for p in masked.parameters()) == sum(p.numel() for p in causal.parameters())


def test_causal_model_sees_nothing_to_the_right_and_the_masked_one_both_sides(ids):
    changed = ids.clone()
    changed[:, 4] = (ids[:, 4] - 1) % 9 + 2
    for causal in (True, False):
        model = small(causal)
        same = (model(ids) == model(changed)).all(dim=2).all(dim=0)
        assert same[:4].all() == causal
        assert not same[5:].any()


def test_shifted_by_hand_and_leaks_no_word_to_its_own_prediction(ids):
    assert shifted(torch.tensor([[5, 6, 7]])).tolist() == [[MASK, 5, 6]]
    model, changed = small(True), ids.clone()
    changed[:, 3] = (ids[:, 3] - 1) % 9 + 2
    a, b = model(shifted(ids)), model(shifted(changed))
    assert torch.equal(a[:, :4], b[:, :4]), "the prediction of word 3 and before knows word 3"
    assert not torch.equal(a[:, 4], b[:, 4])


def test_special_words_are_never_guessed(ids):
    scores = small(False).scores(small(False)(ids))
    assert scores[..., :2].isneginf().all()
    assert scores[..., 2:].isfinite().all()


def test_more_words_than_a_model_takes_are_said(ids):
    with pytest.raises(ValueError, match="takes 7 words at most, these are 10; cut the text"):
        small(False)(torch.cat([ids, ids[:, :3]], dim=1))


def test_gradients_reach_every_weight(ids):
    for causal in (False, True):
        model = small(causal)
        text_loss(model, ids, torch.Generator().manual_seed(0)).backward()
        assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_saved_model_comes_back(tmp_path, ids):
    model, vocabulary = small(True), Vocabulary(["<mask>", "<unk>", *"abcdefghi"])
    save_word_model(model, vocabulary, tmp_path)
    again, words = load_word_model(tmp_path)
    assert words.words == vocabulary.words
    assert again.cfg == model.cfg
    torch.testing.assert_close(again(ids), copy.deepcopy(model).half().float()(ids))


# Ways to fill


def slow_neighbour(text, row, hidden, k, vocab_size):
    """The best word for place k, counted word by word."""
    pairs = list(zip(text, text[1:], strict=False))
    first = [a for a, _ in pairs]
    share = {w: first.count(w) / sum(a >= 2 for a in first) for w in range(2, vocab_size)}

    def after(a, b):
        return (pairs.count((a, b)) + share[b]) / (first.count(a) + 1)

    def known(j):
        return 0 <= j < len(row) and not hidden[j] and row[j] >= 2

    def score(w):
        p = after(row[k - 1], w) if known(k - 1) else share[w]
        return p * (after(w, row[k + 1]) if known(k + 1) else 1)

    return max(range(2, vocab_size), key=score)


def test_neighbour_fill_equals_counting_by_hand():
    text = torch.randint(1, 7, (400,), generator=torch.Generator().manual_seed(0))
    rows, hidden = text[:60].reshape(6, 10), random_mask(10, 0.5, batch_size=6, seed=1)
    filled = neighbour_fill(rows, hidden, count_pairs(text, 7))
    for row, mask, guess in zip(rows.tolist(), hidden.tolist(), filled.tolist(), strict=True):
        for k in range(10):
            assert guess[k] == (slow_neighbour(text.tolist(), row, mask, k, 7) if mask[k] else row[k])


def test_pairs_and_most_frequent_by_hand():
    text = torch.tensor([2, 3, 2, 1, 3, 2, 3])
    pairs = count_pairs(text, 4)
    assert pairs.tolist() == [[0, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 2], [0, 0, 2, 0]]
    hidden = torch.tensor([[False, True, False]])
    assert frequent_fill(torch.tensor([[3, 3, 3]]), hidden, pairs).tolist() == [[3, 2, 3]]


def ways():
    pairs = count_pairs(torch.randint(2, 11, (300,), generator=torch.Generator().manual_seed(2)), 11)
    return {
        "frequent": partial(frequent_fill, pairs=pairs), "neighbours": partial(neighbour_fill, pairs=pairs),
        "masked": partial(masked_fill, model=small(False)), "causal": partial(causal_fill, model=small(True)),
    }  # fmt: skip


@pytest.mark.parametrize("name", ways())
def test_no_way_looks_at_a_hidden_word_or_changes_a_visible_one(name, ids, mask):
    fill = ways()[name]
    other = torch.where(mask, (ids - 1) % 9 + 2, ids)
    filled = fill(ids, mask)
    assert torch.equal(filled, fill(other, mask)), f"{name} knows what is hidden"
    assert torch.equal(filled[~mask], ids[~mask])
    assert (filled >= 2).all()


def test_causal_fill_goes_on_from_its_own_guesses(ids, mask):
    model, filled = small(True), causal_fill(ids, mask, model=small(True))
    best = model.scores(model(shifted(filled))).argmax(dim=2)
    assert torch.equal(filled[mask], best[mask])


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([0.15, 0.5, 0.95]), st.integers(0, 5))
def test_share_right_counts_hidden_words_and_never_unknown_ones(ratio, seed):
    x = torch.randint(1, 5, (9, 10), generator=torch.Generator().manual_seed(seed))
    hidden = random_mask(10, ratio, batch_size=9, seed=seed)
    all_right = share_right(lambda ids, mask: ids, x, ratio, seed=seed, batch_size=4)
    assert all_right == pytest.approx(((x != UNK) & hidden).sum().item() / hidden.sum().item())
    assert share_right(lambda ids, mask: ids + mask.long(), x, ratio, seed=seed) == 0


# Training


def test_loss_of_an_even_guess_is_the_log_of_the_vocabulary(ids):
    for causal in (True, False):
        model = small(causal)
        torch.nn.init.zeros_(model.token_embed.weight)
        loss = text_loss(model, ids, torch.Generator().manual_seed(0))
        assert loss.item() == pytest.approx(math.log(9)), "the special words have no share"


def test_unknown_words_are_no_targets(ids):
    model = small(True)
    with_unknown = ids.clone()
    with_unknown[:, -1] = UNK  # the last word: given to no other
    a = text_loss(model, with_unknown, torch.Generator())
    b = text_loss(model, ids[:, :-1], torch.Generator())
    torch.testing.assert_close(a, b)


def repeat(tmp_path, causal, steps=60):
    text = torch.tensor([2, 3, 4, 5, 6, 7, 8]).repeat(40)
    cfg = TextTraining(steps=steps, batch_size=16, lr=3e-2, precision="fp32")
    return train_words(TextConfig(**SMALL, causal=causal), text, cfg, 0, tmp_path / str(causal))


@pytest.mark.parametrize("causal", [False, True])
def test_learns_a_text_that_repeats(tmp_path, causal, capsys):
    model, record = repeat(tmp_path, causal)
    assert record["loss"] < 1.2, "an even guess has 2.2"
    x = torch.tensor([[5, 6, 7, 8, 2, 3, 4]])
    hidden = torch.tensor([[False, False, True, False, False, True, False]])
    fill = causal_fill if causal else masked_fill
    assert torch.equal(fill(x, hidden, model), x)


def test_resumed_training_equals_one_without_break(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(text_training, "SAVE_EVERY", 4)
    whole, _ = repeat(tmp_path / "a", True, steps=12)
    real, calls = text_training._gradients, []

    def stops(*args):
        calls.append(1)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(text_training, "_gradients", stops)
    with pytest.raises(KeyboardInterrupt):
        repeat(tmp_path / "b", True, steps=12)
    monkeypatch.setattr(text_training, "_gradients", real)
    resumed, record = repeat(tmp_path / "b", True, steps=12)
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_loss_that_is_not_finite_is_said(ids):
    model = small(True)
    torch.nn.init.constant_(model.token_embed.weight, torch.nan)
    with pytest.raises(ValueError, match="The loss is nan; delete the run's folder"):
        text_training._gradients(model, ids.flatten().repeat(3), TextTraining(precision="fp32"), torch.Generator())


# The record


def test_one_command_writes_record_and_weights(tmp_path, monkeypatch, capsys):
    train, held_out = split_chapters()
    monkeypatch.setattr(masked_text, "split_chapters", lambda: (train[:4000], held_out[:2000]))
    monkeypatch.setattr(masked_text, "TextConfig", partial(TextConfig, vocab_size=60, length=32, embed_dim=8, depth=1))
    args = ["--out", str(tmp_path / "runs"), "--record", str(tmp_path / "r.json"), "--weights", str(tmp_path / "w")]
    args += ["--steps", "3", "--windows", "6", "--seeds", "2"]
    masked_text.main(args)
    record = json.loads((tmp_path / "r.json").read_text())
    assert {(run["kind"], run["seed"]) for run in record["runs"]} == {
        (k, s) for k in ("masked", "causal") for s in (0, 1)
    }
    assert set(record) == set(redundancy.load_record()), "the shipped record is of another form"
    assert all(len(run["accuracy"]) == len(record["mask_ratios"]) for run in record["runs"])
    model, vocabulary = load_word_model(tmp_path / "w")
    assert len(vocabulary) == model.cfg.vocab_size == 60
    first = (tmp_path / "r.json").read_text()
    masked_text.main(args)  # nothing is trained or measured again
    assert json.loads((tmp_path / "r.json").read_text())["runs"] == json.loads(first)["runs"]


def test_shipped_record_holds_both_kinds_with_two_seeds_and_what_made_it():
    record = redundancy.load_record()
    kinds = [run["kind"] for run in record["runs"]]
    assert kinds.count("masked") >= 2
    assert kinds.count("causal") >= 2
    assert record["device"]
    assert record["versions"]["torch"]
    assert record["sentence"] == SENTENCE
    assert tuple(record["mask_ratios"]) == RATIOS


def test_shipped_weights_are_the_recorded_ones():
    """Measured again on a few windows at one ratio, the bundled model is as good as its record says."""
    record = redundancy.load_record()
    model, vocabulary = load_word_model()
    test = windows(vocabulary.encode(split_chapters()[1]), model.cfg.length)
    test = test[torch.linspace(0, len(test) - 1, record["measured"]["windows"]).long()][::2]
    run = next(run for run in record["runs"] if run["kind"] == "masked" and run["seed"] == 0)
    again = share_right(partial(masked_fill, model=model), test, 0.15)
    assert again == pytest.approx(run["accuracy"][RATIOS.index(0.15)], abs=0.03)


def test_files_are_small_and_attributed():
    folder = asset_path("text")
    assert (folder / "austen.txt.xz").stat().st_size < 1.5e6
    assert sum(path.stat().st_size for path in (folder / "mae-lite-words").iterdir()) < 2e6
    assert "austen.txt.xz" in (folder / "ATTRIBUTION.md").read_text()


# On one scale


def test_scores_are_0_for_the_trivial_guess_and_1_for_perfect(monkeypatch):
    record = redundancy.load_record()
    trivial = record["baselines"]["most frequent"]
    record["baselines"]["neighbours"] = trivial
    for run in record["runs"]:
        run["accuracy"] = [1.0] * len(trivial) if run["kind"] == "masked" else [t + (1 - t) / 4 for t in trivial]
    monkeypatch.setattr(redundancy, "load_record", lambda: record)
    scores = {curve.name: curve.scores for curve in redundancy.word_curves()}
    assert scores["neighbours"] == [0.0] * len(trivial)
    assert scores["masked model"] == [1.0] * len(trivial)
    assert scores["left to right"] == pytest.approx([0.25] * len(trivial))


def test_pixel_scores_equal_the_records_skill_over_the_visible_mean():
    """A score is 1 - MSE / MSE of the visible mean over all photos; it lies near the mean of the photos' own skills."""
    record = json.loads(asset_path("results", "sweep-mae-lite-mini.json").read_text())
    rows = [row["table"] for row in record["sweep"] if row["strategy"] == "random"]
    curve = next(curve for curve in redundancy.pixel_curves() if curve.name.startswith("network"))
    assert curve.scores == pytest.approx([row["visible mean"]["skill"] for row in rows], abs=1e-4)


def test_between_two_points_a_straight_line():
    curve = redundancy.Curve("a line", [0.1, 0.2, 0.6], [1.0, 0.0, 2.0], [0.0] * 3)
    assert redundancy.at(curve, 0.15) == pytest.approx(0.5)
    assert redundancy.at(curve, 0.5) == pytest.approx(1.5)
    with pytest.raises(ValueError, match="a line was measured from 10% to 60%, not at 70%"):
        redundancy.at(curve, 0.7)
