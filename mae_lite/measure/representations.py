"""What the encoder's tokens hold, layer by layer: positions, main directions as colours, likeness of layers."""

from contextlib import ExitStack

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from mae_lite.encoder import MAEEncoder
from mae_lite.mae import MAE
from mae_lite.measure.features import check_images
from mae_lite.measure.probes import linear_readout
from mae_lite.patches import patchify


@torch.no_grad()
def layer_features(model: MAE | MAEEncoder, imgs: Float[Tensor, "b c h w"]) -> Float[Tensor, "layers b n d"]:
    """The patches' tokens of whole images before the first block and after each: depth + 1 of them, no class token.

    Raises:
        ValueError: if the images are not of the model's size.
    """
    encoder = model.encoder if isinstance(model, MAE) else model
    check_images(imgs, encoder.cfg)
    stream: list[Tensor] = []
    first = encoder.blocks[0] if len(encoder.blocks) else encoder.norm
    with ExitStack() as hooks:
        hooks.enter_context(first.register_forward_pre_hook(lambda _, args: stream.append(args[0][:, 1:])))
        for block in encoder.blocks:
            hooks.enter_context(block.register_forward_hook(lambda _, args, out: stream.append(out[:, 1:])))
        encoder(imgs)
    return torch.stack(stream)


def cosine_similarity(x: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
    """The cosine between every two rows, 1 for the same direction."""
    x = F.normalize(x, dim=1)
    return x @ x.T


def position_readout(
    features: Float[Tensor, "b n d"], grid_size: tuple[int, int], *, ridge: float = 1.0
) -> Float[Tensor, "2"]:
    """How well a linear function of a token tells its row and its column: R2, 1 is perfect, 0 no better than the mean.

    Fitted on every other patch (the black squares of a chessboard) of every other image, and measured on the other
    squares of the other images, so that neither a picture nor a place can be learned by heart.

    Args:
        features: tokens of all patches of some images; of one, as for a table of positions, only the squares differ.
        grid_size: patches down and across.
        ridge: as in the probes, a penalty on the weights for standardised features.

    Raises:
        ValueError: if the tokens do not fill the grid.
    """
    b, n, _ = features.shape
    rows, columns = grid_size
    if n != rows * columns:
        raise ValueError(f"{n} tokens do not fill a grid of {rows}x{columns} patches; leave the class token out.")
    where = torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).to(features)  # (n, 2)
    black = where.sum(dim=1) % 2 == 0
    train, test = features[::2, black], features[1::2, ~black] if b > 1 else features[:, ~black]
    known, asked = where[black].expand(len(train), -1, 2), where[~black].expand(len(test), -1, 2)
    guess = linear_readout(train.flatten(0, 1), known.flatten(0, 1), test.flatten(0, 1), ridge=ridge)
    return r_squared(guess, asked.flatten(0, 1))


def r_squared(guess: Float[Tensor, "m k"], truth: Float[Tensor, "m k"]) -> Float[Tensor, " k"]:
    """The share of each column's variance that the guess gets right: 1 is perfect, 0 no better than the mean."""
    return 1 - (guess - truth).square().sum(dim=0) / (truth - truth.mean(dim=0)).square().sum(dim=0)


def principal_components(x: Float[Tensor, "m d"], k: int = 3) -> tuple[Float[Tensor, "m k"], Float[Tensor, " k"]]:
    """The k directions in which the rows differ most: each row's place along them, and their shares of the variance.

    A direction has no sign of its own; each gets the one that makes its largest entry positive.

    Raises:
        ValueError: if there are fewer than k rows or columns.
    """
    if k > min(x.shape):
        raise ValueError(f"{x.shape[0]} rows of {x.shape[1]} numbers have no {k} principal components; ask for fewer.")
    x = (x - x.mean(dim=0)).double()
    variance, directions = torch.linalg.eigh(x.T @ x)  # ascending; a column is a direction
    variance, directions = variance.flip(0), directions.flip(1)[:, :k]
    largest = directions.gather(0, directions.abs().argmax(dim=0, keepdim=True))
    scores = x @ (directions * largest.sign())
    return scores.float(), (variance / variance.sum())[:k].float()


def pca_colours(features: Float[Tensor, "b n d"]) -> Float[Tensor, "b n 3"]:
    """Tokens as colours: their first three principal components as red, green and blue, 0 to 1.

    Components are common to all images of the batch, so equal colours mean alike tokens across them. Each is stretched
    from its 2nd to its 98th percentile.
    """
    scores, _ = principal_components(features.flatten(0, 1), 3)
    low, high = scores.quantile(torch.tensor([0.02, 0.98]).to(scores), dim=0)
    return ((scores - low) / (high - low).clamp(min=1e-12)).clamp(0, 1).reshape(*features.shape[:2], 3)


def linear_cka(x: Float[Tensor, "m d1"], y: Float[Tensor, "m d2"]) -> float:
    """How alike two descriptions of the same m things are (Kornblith et al. 2019, linear CKA): 0 to 1.

    |Y'X|2 / (|X'X| |Y'Y|) with Frobenius norms and centred columns. Rotating or scaling either changes nothing.
    """
    return cka_matrix(x[None], y[None]).item()


def cka_matrix(a: Float[Tensor, "la m d1"], b: Float[Tensor, "lb m d2"]) -> Float[Tensor, "la lb"]:
    """`linear_cka` of every layer of one stack with every layer of another, on the same m tokens."""
    a, b = ((stack - stack.mean(dim=1, keepdim=True)).double() for stack in (a, b))
    sizes = [torch.stack([(x.T @ x).norm() for x in stack]) for stack in (a, b)]
    side, other = (stack.transpose(0, 1).flatten(1) for stack in (a, b))  # (m, layers x d): one product for all pairs
    shared = (side.T @ other).square().reshape(len(a), a.shape[2], len(b), b.shape[2]).sum(dim=(1, 3))
    return (shared / (sizes[0][:, None] * sizes[1])).float()


def plain_facts(imgs: Float[Tensor, "b c h w"], patch_size: int) -> Float[Tensor, "b n k"]:
    """What one knows of a patch without any model: mean colour, contrast, row and column (k = c + 3)."""
    patches = patchify(imgs, patch_size)
    b, n, _ = patches.shape
    colour = patches.reshape(b, n, patch_size**2, -1).mean(dim=2)
    rows, columns = imgs.shape[2] // patch_size, imgs.shape[3] // patch_size
    where = torch.cartesian_prod(torch.linspace(-1, 1, rows), torch.linspace(-1, 1, columns)).to(imgs)
    return torch.cat([colour, patches.std(dim=2, keepdim=True), where.expand(b, -1, -1)], dim=2)


def share_explained(x: Float[Tensor, "m k"], causes: Float[Tensor, "m p"]) -> float:
    """The share of the variance of x, all columns together, that a linear function of the causes accounts for."""
    x = x - x.mean(dim=0)
    rest = x - linear_readout(causes, x, causes, ridge=1e-6)
    return 1 - (rest.square().sum() / x.square().sum()).item()
