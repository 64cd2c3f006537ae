"""How well can hidden words be filled in, by the share hidden? `python -m mae_course.studies.masked_text` runs it all.

Two kinds of the same Transformer, masked and left to right, are trained on five novels with two seeds each, and
measured beside two baselines on chapters that none of them saw. What comes out is assets/results/masked-text.json, and
the weights of the first masked model in assets/text/mae-lite-words.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from mae_course.studies.runner import study_parser
from mae_course.studies.text_data import SENTENCE, UNK, Vocabulary, split_chapters, split_words, windows
from mae_course.studies.text_fill import (
    RATIOS,
    causal_fill,
    count_pairs,
    frequent_fill,
    masked_fill,
    neighbour_fill,
    share_right,
)
from mae_course.studies.text_model import TextConfig, WordModel, save_word_model, shifted
from mae_course.studies.text_training import HIGHEST, LOWEST, TextTraining, train_words
from mae_lite.cli.frame import file, positive, run_command
from mae_lite.cli.records import circumstances, write_record
from mae_lite.masking import random_mask
from mae_lite.weights.assets import asset_path


def curve(fill: Callable, ids: Int[Tensor, "b n"], ratios: Sequence[float]) -> list[float]:
    """Share of hidden words that a way of filling gets right, at each share hidden."""
    return [share_right(fill, ids, ratio) for ratio in ratios]


@torch.inference_mode()
def next_word_accuracy(model: WordModel, ids: Int[Tensor, "b n"]) -> float:
    """Share of words that a causal model gets right from all the true words before each: what it was trained for."""
    right = sum(int((model.scores(model(shifted(x))).argmax(dim=2) == x)[x != UNK].sum()) for x in ids.split(64))
    return right / ids.numel()


def sentence_guesses(model: WordModel, vocabulary: Vocabulary, ratios: Sequence[float]) -> list[list[str]]:
    """The words of `SENTENCE` as a causal model fills them at each ratio, under the masks of seed 0."""
    words = split_words(SENTENCE)
    ids, filled = vocabulary.encode(words)[None], []
    for mask in (random_mask(len(words), ratio) for ratio in ratios):
        guesses = vocabulary.decode(causal_fill(ids, mask, model)[0].tolist())
        filled.append([new if hidden else old for old, new, hidden in zip(words, guesses, mask[0], strict=True)])
    return filled


def run_model(
    causal: bool, seed: int, train: Int[Tensor, " n"], test: Int[Tensor, "b length"], args: argparse.Namespace
) -> tuple[WordModel, dict]:
    """Train and measure one model, or read what an earlier run has done of it."""
    name = f"{'causal' if causal else 'masked'}-{seed}"
    model, spent = train_words(replace(args.model, causal=causal), train, args.training, seed, args.out / name)
    done = args.out / name / f"measured-{len(test)}.json"
    if not done.exists():
        fill = partial(causal_fill if causal else masked_fill, model=model)
        measured = {"accuracy": curve(fill, test, RATIOS)}
        measured |= {"next_word": next_word_accuracy(model, test)} if causal else {}
        done.write_text(json.dumps(measured))
    record = {"kind": name.split("-")[0], "seed": seed} | spent | json.loads(done.read_text())
    print(name, *(f"{r:.0%} {a:.3f}" for r, a in zip(RATIOS, record["accuracy"], strict=True)), flush=True)
    return model, record


def run(args: argparse.Namespace) -> None:
    """All of it: writes the record and the weights."""
    args.model, args.training = TextConfig(), replace(TextTraining(), steps=args.steps)
    words, held_out = split_chapters()
    vocabulary = Vocabulary.of(words, args.model.vocab_size)
    train, test = vocabulary.encode(words), vocabulary.encode(held_out)
    unknown = (test == UNK).float().mean().item()
    test = windows(test, args.model.length)
    test = test[torch.linspace(0, len(test) - 1, min(args.windows, len(test))).long()]  # spread over all novels
    pairs = count_pairs(train, len(vocabulary))
    baselines = {
        name: curve(partial(fill, pairs=pairs), test, RATIOS)
        for name, fill in {"most frequent": frequent_fill, "neighbours": neighbour_fill}.items()
    }
    runs, guesses = [], {}
    sizes = {name: value for name, value in asdict(args.model).items() if name != "causal"}
    for seed in range(args.seeds):
        for causal in (False, True):
            model, record = run_model(causal, seed, train, test, args)
            runs.append(record)
            if seed == 0 and causal:
                guesses = dict(zip(map(str, RATIOS), sentence_guesses(model, vocabulary, RATIOS), strict=True))
            elif seed == 0:
                save_word_model(model, vocabulary, args.weights)
    record = circumstances(torch.device("cpu")) | {
        "command": f"python -m mae_course.studies.masked_text --steps {args.training.steps} --windows {args.windows}",
        "text": {"train_words": len(words), "held_out_words": len(held_out), "outside_vocabulary": unknown},
        "model": sizes | {"params": sum(p.numel() for p in model.parameters())},
        "training": asdict(args.training) | {"mask_ratios": [LOWEST, HIGHEST]},
        "measured": {"windows": len(test), "mask_seed": 0}, "mask_ratios": list(RATIOS),
        "baselines": baselines, "runs": runs, "sentence": SENTENCE, "causal_guesses": guesses,
    }  # fmt: skip
    write_record(args.record, record)
    print(f"wrote {args.record}")


def main(argv: Sequence[str] | None = None) -> int:
    """Train, measure and write the record; a second call goes on where the first stopped."""
    p = study_parser("masked_text", __doc__)
    p.add_argument("--out", type=Path, default=Path("runs/masked-text"), help="where checkpoints go")
    p.add_argument("--record", type=file, default=asset_path("results") / "masked-text.json")
    p.add_argument("--weights", type=Path, default=asset_path("text") / "mae-lite-words")
    p.add_argument("--seeds", type=positive, default=2)
    p.add_argument("--steps", type=positive, default=TextTraining.steps)
    p.add_argument("--windows", type=positive, default=256, help="held-out sequences to measure on")
    return run_command(p, argv, run)


if __name__ == "__main__":
    sys.exit(main())
