"""What was hidden and what was predicted, from autoencoders to MAE: nine cards that need no script."""

import html
from dataclasses import dataclass
from typing import NamedTuple

from mae_lite.show.html import Page


class Work(NamedTuple):
    """A card: one way to learn by filling in, in the order of publication."""

    year: int
    name: str
    field: str
    """"words", "pixels" or "both"."""
    authors: str
    hides: str
    predicts: str
    network: str
    why: str
    """What it has to do with MAE."""
    link: str


WORKS = (
    Work(1994, "Autoencoder", "both", "Hinton and Zemel, whom the MAE paper cites; the idea is older",
         "nothing; a narrow middle layer has no room for a plain copy",
         "its own input", "layers that narrow and widen again",
         "The frame: an encoder, a latent code, a decoder.",
         "https://arxiv.org/abs/2111.06377"),
    Work(2008, "Denoising autoencoder", "pixels", "Vincent, Larochelle, Bengio and Manzagol",
         "input values at random, set to 0", "the whole clean input", "fully connected layers",
         "Learning by mending. MAE is one, with a special noise: whole patches are taken away. The loss here is on "
         "all values, in MAE on the hidden ones.",
         "https://doi.org/10.1145/1390156.1390294"),
    Work(2016, "Context encoder", "pixels", "Pathak, Krähenbühl, Donahue, Darrell and Efros",
         "large regions of a photo", "the missing pixels; a second network judges whether they look real",
         "a convolutional network",
         "Hides far more than noise does. The hole stays in the input as blank pixels, since a convolution needs the "
         "full grid.",
         "https://arxiv.org/abs/1604.07379"),
    Work(2018, "GPT", "words", "Radford, Narasimhan, Salimans and Sutskever",
         "everything to the right", "the next word", "a Transformer that looks left only",
         "Every word is a target, and no mask token is needed. One side of the context is never used.",
         "https://openai.com/blog/language-unsupervised"),
    Work(2018, "BERT", "words", "Devlin, Chang, Lee and Toutanova",
         "15 % of the words; most become a mask token", "the hidden words", "a Transformer that looks both ways",
         "MAE's model. The mask tokens go through the whole network, and one layer on top turns vectors into words.",
         "https://arxiv.org/abs/1810.04805"),
    Work(2020, "iGPT", "pixels", "Chen and others",
         "everything after a pixel, in reading order (a variant hides pixels as BERT does)",
         "the next pixel, as one of a palette of colours", "a Transformer on single pixels of small pictures",
         "Text's recipe taken to pixels one by one: long sequences, at a resolution of 32 to 64 pixels.",
         "https://openai.com/blog/image-gpt"),
    Work(2020, "ViT", "pixels", "Dosovitskiy and others",
         "half of the patches in a side experiment", "the mean colour of each hidden patch", "a Transformer on patches",
         "What MAE needed: an image as a list of tokens with positions. Its masked prediction stayed behind training "
         "with labels.",
         "https://arxiv.org/abs/2010.11929"),
    Work(2021, "BEiT", "pixels", "Bao, Dong, Piao and Wei",
         "about 40 % of the patches, in blocks", "a visual word for each, from a tokenizer trained before",
         "a Transformer with mask tokens inside",
         "BERT as exactly as images allow. The visual words must be learned first; MAE does without.",
         "https://arxiv.org/abs/2106.08254"),
    Work(2021, "MAE", "pixels", "He, Chen, Xie, Li, Dollár and Girshick",
         "75 % of the patches, at random", "their pixels",
         "a Transformer on visible patches only; a small second one as decoder",
         "The subject of this collection.",
         "https://arxiv.org/abs/2111.06377"),
)  # fmt: skip
COLOURS = {"words": "#0072B2", "pixels": "#D55E00", "both": "#767676"}


@dataclass(frozen=True)
class Timeline(Page):
    """Works as cards; the last expression of a cell shows them."""

    works: tuple[Work, ...] = WORKS

    def to_html(self) -> str:
        """Cards in a row that wraps. Each says what is hidden and predicted, and unfolds by click, Enter or Space."""
        columns = "display:grid;grid-template-columns:repeat(auto-fill,minmax(230px,1fr));gap:8px"
        return f'<div style="{columns};line-height:1.4">{"".join(_card(work) for work in self.works)}</div>'

    @property
    def alt(self) -> str:
        """The cards in words, a line each."""
        return "\n".join(f"{w.year} {w.name}: hides {w.hides}; predicts {w.predicts}." for w in self.works)


def _card(work: Work) -> str:
    say = {name: html.escape(str(value)) for name, value in work._asdict().items()}
    box = f"border:1px solid #8888;border-top:5px solid {COLOURS[work.field]};border-radius:3px;padding:6px 10px"
    return (
        f'<div style="{box}"><b>{say["year"]} · {say["name"]}</b> <small>({say["field"]})</small>'
        f'<div style="margin-top:4px"><b>hides</b> {say["hides"]}</div><div><b>predicts</b> {say["predicts"]}</div>'
        f'<details style="margin-top:4px"><summary>more</summary><div><b>network</b> {say["network"]}</div>'
        f'<div>{say["why"]}</div><div><small>{say["authors"]}. <a href="{say["link"]}">{_short(work.link)}</a></small>'
        f"</div></details></div>"
    )


def _short(link: str) -> str:
    """An address as a reader would cite it."""
    return html.escape(link.removeprefix("https://").replace("arxiv.org/abs/", "arXiv ").rstrip("/"))
