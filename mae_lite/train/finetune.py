"""Fine-tuning: the encoder goes on learning, with labels; all of it, or its last blocks (sections 4.2, 4.3 and A.1).

Layer-wise rates and Mixup are timm's. Supervised training from scratch is the same call on an
untrained model, with `layer_decay=1.0`.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from timm.data import Mixup
from timm.models.vision_transformer import VisionTransformer
from timm.optim import param_groups_layer_decay
from torch import Tensor

from mae_lite.config import MAEConfig
from mae_lite.device import training_autocast
from mae_lite.encoder import MAEEncoder
from mae_lite.images import normalize
from mae_lite.mae import MAE
from mae_lite.measure.features import check_images
from mae_lite.train.augment import random_resized_crop_flip
from mae_lite.train.classifier import make_classifier
from mae_lite.train.recipe import FinetuneConfig, adamw, learning_rate, update


def finetune(
    model: MAE | MAEEncoder,
    images: UInt8[Tensor, "n c s s2"],
    labels: Int[Tensor, " n"],
    test_images: UInt8[Tensor, "m c h w"],
    test_labels: Int[Tensor, " m"],
    cfg: FinetuneConfig,
) -> Iterator[dict]:
    """Train a classifier on a copy of an encoder, a record an epoch; the same for the same seed on a CPU.

    Args:
        model: a model or an encoder, trained or not, on the device to train on; it stays as it is.
        images: training images of any size; random crops and flips bring them to the model's.
        labels: their classes, from 0.
        test_images: held-out images of the model's size.
        test_labels: their classes.
        cfg: how.

    Yields:
        epoch, lr (the head's, at its last step), loss (its mean), accuracy (on the held-out images, 0 to 1), and
        seconds so far.

    Raises:
        ValueError: if labels or images do not fit, or the encoder has not as many blocks as are to be tuned.
    """
    check_images(test_images, model.cfg)
    if len(images) < 2 or len(images) != len(labels) or len(test_images) != len(test_labels):
        raise ValueError(
            f"{len(images)} training images with {len(labels)} labels and {len(test_images)} held-out ones with "
            f"{len(test_labels)}; give a label for each, and two training images at least."
        )
    if min(labels.min(), test_labels.min()) < 0:
        raise ValueError("Some labels are below 0, which stands for unknown; give images whose classes are known.")
    classes = int(max(labels.max(), test_labels.max())) + 1
    vit = make_classifier(model, classes, blocks=cfg.blocks, pool=cfg.pool, drop_path=cfg.drop_path)
    started = time.perf_counter()
    for record in train_classifier(vit, model.cfg, images, labels, cfg):
        record["accuracy"] = held_out_accuracy(vit, model.cfg, test_images, test_labels, cfg)
        yield record | {"seconds": time.perf_counter() - started}


def train_classifier(
    vit: VisionTransformer,
    model_cfg: MAEConfig,
    images: UInt8[Tensor, "n c s s2"],
    labels: Int[Tensor, " n"],
    cfg: FinetuneConfig,
) -> Iterator[dict]:
    """The loop of `finetune`, on a classifier of `make_classifier`, which it trains in place."""
    batch = min(cfg.batch_size, len(images) // 2 * 2)
    steps = len(images) // batch
    groups = param_groups_layer_decay(vit, cfg.weight_decay, vit.no_weight_decay(), layer_decay=cfg.layer_decay)
    optimizer = adamw(groups, cfg)
    for epoch in range(cfg.epochs):
        with _seeded(cfg.seed * 1_000_003 + epoch) as generator:
            order = torch.randperm(len(images), generator=generator)[: steps * batch]
            losses = []
            for i, part in enumerate(order.split(batch)):
                lr = learning_rate(epoch * steps + i, cfg, steps)
                losses.append(_gradients(vit, model_cfg, images[part], labels[part], cfg, generator))
                update([optimizer], lr)
        yield {"epoch": epoch + 1, "lr": lr, "loss": torch.stack(losses).mean().item()}


def _gradients(
    vit: VisionTransformer,
    model_cfg: MAEConfig,
    pixels: UInt8[Tensor, "b c s s2"],
    labels: Int[Tensor, " b"],
    cfg: FinetuneConfig,
    generator: torch.Generator,
) -> Float[Tensor, ""]:
    """Augment, mix, forward and backward for one batch; returns the loss, detached."""
    device = next(vit.parameters()).device
    pixels = random_resized_crop_flip(pixels.to(device), model_cfg.img_size, generator, (cfg.min_scale, 1.0))
    imgs, labels = normalize(pixels, model_cfg), labels.to(device)
    if cfg.mixup + cfg.cutmix > 0:
        mix = Mixup(cfg.mixup, cfg.cutmix, label_smoothing=cfg.label_smoothing, num_classes=vit.num_classes)
        imgs, labels = mix(imgs, labels)
    for part in vit.blocks:
        part.train(any(p.requires_grad for p in part.parameters()))  # no path is dropped in a frozen block
    vit.head.train()
    with training_autocast(device, cfg.precision):
        logits = vit(imgs)
    loss = F.cross_entropy(logits.float(), labels, label_smoothing=cfg.label_smoothing * (labels.ndim == 1))
    loss.backward()
    return loss.detach()


@torch.no_grad()
def held_out_accuracy(
    vit: VisionTransformer,
    model_cfg: MAEConfig,
    images: UInt8[Tensor, "m c h w"],
    labels: Int[Tensor, " m"],
    cfg: FinetuneConfig,
) -> float:
    """Share of images that the classifier gets right, 0 to 1."""
    vit.eval()
    device, right = next(vit.parameters()).device, 0
    for part, truth in zip(images.split(256), labels.split(256), strict=True):
        with training_autocast(device, cfg.precision):
            logits = vit(normalize(part.to(device), model_cfg))
        right += (logits.argmax(dim=1).cpu() == truth.cpu()).sum().item()
    return right / len(labels)


@contextmanager
def _seeded(seed: int) -> Iterator[torch.Generator]:
    """A generator, and for what timm draws the global states of torch and numpy, which are put back afterwards."""
    state = np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        try:
            yield torch.Generator().manual_seed(seed)
        finally:
            np.random.set_state(state)  # noqa: NPY002
