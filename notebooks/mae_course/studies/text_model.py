"""A language model out of the package's `Block`: masked (as BERT) or left to right (as GPT), otherwise the same."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from safetensors.torch import load_file, save
from torch import Tensor, nn

from mae_course.studies.text_data import MASK, SPECIAL, Vocabulary
from mae_lite.layers import Attention, Block
from mae_lite.weights.assets import asset_path


@dataclass(frozen=True, kw_only=True)
class TextConfig:
    """Sizes of a `WordModel`."""

    vocab_size: int = 3000
    """Words it knows, the special ones among them."""
    length: int = 64
    """Words in a sequence."""
    embed_dim: int = 96
    depth: int = 2
    num_heads: int = 4
    causal: bool = False
    """Whether a word sees only words before it."""


class WordAttention(Attention):
    """Attention that tells positions by distance: for each head and each distance a learned number is added.

    Heads begin with a look at one place each: one to the left, one to the right, two to the left, and so on; a causal
    one at its own place, one to the left, two to the left. That saves a small model most of its training.
    """

    def __init__(self, cfg: TextConfig):
        super().__init__(cfg.embed_dim, cfg.num_heads)
        self.causal = cfg.causal
        heads = torch.arange(cfg.num_heads)
        start = -heads if cfg.causal else (heads // 2 + 1) * (2 * (heads % 2) - 1)  # 0 -1 -2 -3, or -1 1 -2 2
        distance = torch.arange(1 - cfg.length, cfg.length)
        self.distance_bias = nn.Parameter(-(distance - start[:, None]).abs().float()[:, None])  # (heads, 1, distances)

    def forward(self, x: Float[Tensor, "b n_tokens d"]) -> Float[Tensor, "b n_tokens d"]:
        """Let every word look at every word, or only at itself and those before it."""
        b, n, d = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.num_heads, d // self.num_heads).permute(2, 0, 3, 1, 4)
        place = torch.arange(n, device=x.device)
        distance = place - place[:, None]  # (n, n): from a row to a column
        bias = self.distance_bias[:, 0, distance + self.distance_bias.shape[2] // 2]
        if self.causal:
            bias = bias.masked_fill(distance > 0, -torch.inf)
        x = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
        return self.proj(x.transpose(1, 2).reshape(b, n, d))


class WordModel(nn.Module):
    """Words in, a score for each word of the vocabulary at each place out.

    There is no decoder: the head is one linear layer, and its weights are those of the embedding.
    """

    def __init__(self, cfg: TextConfig):
        super().__init__()
        self.cfg = cfg
        self.token_embed = nn.Embedding(cfg.vocab_size, cfg.embed_dim)
        self.blocks = nn.ModuleList(Block(cfg.embed_dim, cfg.num_heads) for _ in range(cfg.depth))
        self.norm = nn.LayerNorm(cfg.embed_dim)
        self.bias = nn.Parameter(torch.zeros(cfg.vocab_size))
        nn.init.normal_(self.token_embed.weight, std=cfg.embed_dim**-0.5)
        for block in self.blocks:
            block.attn = WordAttention(cfg)

    def forward(self, ids: Int[Tensor, "b n"]) -> Float[Tensor, "b n d"]:
        """What the model makes of each place; MASK stands for a hidden word, or before the first for its start.

        Raises:
            ValueError: if there are more words than the model takes.
        """
        if ids.shape[1] > self.cfg.length:
            raise ValueError(
                f"This model takes {self.cfg.length} words at most, these are {ids.shape[1]}; cut the text."
            )
        x = self.token_embed(ids) * self.cfg.embed_dim**0.5
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def scores(self, latent: Float[Tensor, "*places d"]) -> Float[Tensor, "*places words"]:
        """A score (logit) for each word; the special ones, which are no guess, have minus infinity."""
        scores = latent @ self.token_embed.weight.T + self.bias
        scores[..., : len(SPECIAL)] = -torch.inf
        return scores


def shifted(ids: Int[Tensor, "b n"]) -> Int[Tensor, "b n"]:
    """What a causal model is given to predict `ids`: each word one place later, so that no place sees its own."""
    return torch.cat([torch.full_like(ids[:, :1], MASK), ids[:, :-1]], dim=1)


def save_word_model(model: WordModel, vocabulary: Vocabulary, folder: str | Path) -> None:
    """Write model.safetensors (float16) and config.json with the sizes and the words."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = {key: value.detach().half().contiguous() for key, value in model.state_dict().items()}
    (folder / "model.safetensors").write_bytes(save(state, metadata={"format": "pt"}))
    config = asdict(model.cfg) | {"words": " ".join(vocabulary.words)}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def load_word_model(folder: str | Path | None = None) -> tuple[WordModel, Vocabulary]:
    """A saved model, by default the bundled masked one, in eval mode and float32, and its vocabulary."""
    folder = Path(folder or asset_path("text", "mae-lite-words"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    vocabulary = Vocabulary(config.pop("words").split(" "))
    model = WordModel(TextConfig(**config))
    state = {key: value.float() for key, value in load_file(folder / "model.safetensors").items()}
    model.load_state_dict(state, strict=True)
    return model.eval(), vocabulary
