"""What attention weights say: shares by kind of token, distances, roll-out through the layers.

None of it means much alone. Look at the same numbers for `mae_lite.measure.attention.untrained` first.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mae_lite.measure.attention import KINDS, token_kinds


def token_shares(
    weights: Float[Tensor, "layers b heads t t"], mask: Bool[Tensor, "#b n"]
) -> dict[str, Float[Tensor, "layers b heads t"]]:
    """Of each token's attention the share that goes to other tokens of each kind and to itself; together 1."""
    own = weights.diagonal(dim1=3, dim2=4)
    shares = {}
    for kind, keys in token_kinds(mask).items():
        keys = keys.to(weights.dtype)
        shares[kind] = torch.einsum("lbhqk,bk->lbhq", weights, keys) - own * keys[:, None]
    return shares | {"itself": own}


def attention_shares(
    weights: Float[Tensor, "layers b heads t t"], mask: Bool[Tensor, "#b n"], queries: str = "hidden"
) -> dict[str, Float[Tensor, "layers heads"]]:
    """Where the attention of one kind of token goes: shares by kind, the mean over all such tokens of all images.

    Args:
        weights: class token first, then one token for each value of the mask.
        mask: True = hidden; for the encoder, whose tokens are all visible, all False.
        queries: one of KINDS.

    Raises:
        ValueError: if there is no such token.
    """
    mask = mask.to(weights.device).expand(weights.shape[1], -1)
    chosen = token_kinds(mask).get(queries, torch.tensor(False))
    if not chosen.any():
        raise ValueError(f'There is no "{queries}" token here; queries is one of {", ".join(KINDS)} that the mask has.')
    shares = token_shares(weights, mask)
    return {kind: share.transpose(1, 2)[:, :, chosen].mean(dim=2) for kind, share in shares.items()}


def patch_distances(grid_size: tuple[int, int]) -> Float[Tensor, "n n"]:
    """How far the centres of two patches lie apart, in patches."""
    rows, columns = grid_size
    where = torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).float()
    return (where[:, None] - where[None]).square().sum(dim=2).sqrt()  # exact, which cdist is not


def token_distances(
    weights: Float[Tensor, "layers b heads t t"],
    grid_size: tuple[int, int],
    ids_keep: Int[Tensor, "b n_keep"] | None = None,
) -> Float[Tensor, "layers b heads m"]:
    """For each patch the mean distance of what it attends to, in patches.

    The class token is nowhere, so it is left out, and what is left of a row is brought back to a sum of one.

    Args:
        weights: class token first.
        grid_size: patches down and across.
        ids_keep: which patches the tokens stand for; None for all of the grid.
    """
    apart = patch_distances(grid_size).to(weights)
    apart = apart[None] if ids_keep is None else apart[ids_keep[:, :, None], ids_keep[:, None, :]]  # (b, m, m)
    among = weights[..., 1:, 1:]
    return (among * apart[:, None]).sum(dim=4) / among.sum(dim=4)


def attention_distance(
    weights: Float[Tensor, "layers b heads t t"],
    grid_size: tuple[int, int],
    ids_keep: Int[Tensor, "b n_keep"] | None = None,
) -> Float[Tensor, "layers heads"]:
    """Mean attention distance by layer and head, in patches (Dosovitskiy et al. 2020, Figure 7, there in pixels)."""
    return token_distances(weights, grid_size, ids_keep).mean(dim=(1, 3))


def attention_rollout(weights: Float[Tensor, "layers b heads t t"]) -> Float[Tensor, "b t t"]:
    """Attention through all layers (Abnar and Zuidema 2020): how much of each first token is in each last one.

    Mean over the heads; half of each layer is the residual connection, so (A + I) / 2; and the layers multiplied, the
    later on the left. An estimate: it knows nothing of values and MLPs.
    """
    same = torch.eye(weights.shape[3], dtype=weights.dtype, device=weights.device)
    rolled = same.expand(weights.shape[1], -1, -1)
    for layer in weights.mean(dim=2):
        mixed = (layer + same) / 2
        rolled = mixed / mixed.sum(dim=2, keepdim=True) @ rolled
    return rolled
