import math

import torch

from mae_lite.measure.cost import count_flops
from mutants import Mutant


def cosine_from_step_0(step, cfg, steps_per_epoch):
    total, warmup = cfg.epochs * steps_per_epoch, cfg.warmup * steps_per_epoch
    if step < warmup:
        return cfg.lr * (step + 1) / warmup
    return cfg.lr * 0.5 * (1 + math.cos(math.pi * step / total))


def stretched(step, cfg, steps_per_epoch):
    total, warmup = cfg.epochs * steps_per_epoch, cfg.warmup * steps_per_epoch
    if step < warmup:
        return cfg.lr * (step + 1) / warmup
    return cfg.lr * 0.5 * (1 + math.cos(math.pi * (step - warmup) / total))


def ends_at_half(step, cfg, steps_per_epoch):
    total, warmup = cfg.epochs * steps_per_epoch, cfg.warmup * steps_per_epoch
    if step < warmup:
        return cfg.lr * (step + 1) / warmup
    return cfg.lr * 0.5 * (1 + math.cos(0.5 * math.pi * (step - warmup) / (total - warmup)))


def not_halved(step, cfg, steps_per_epoch):
    total, warmup = cfg.epochs * steps_per_epoch, cfg.warmup * steps_per_epoch
    if step < warmup:
        return cfg.lr * (step + 1) / warmup
    return cfg.lr * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def by_the_epoch(step, cfg, steps_per_epoch):
    total, warmup = cfg.epochs * steps_per_epoch, cfg.warmup * steps_per_epoch
    step = step // steps_per_epoch * steps_per_epoch
    if step < warmup:
        return cfg.lr * (step + 1) / warmup
    return cfg.lr * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def steps_against_epochs(step, cfg, steps_per_epoch):
    if step < cfg.warmup * steps_per_epoch:
        return cfg.lr * (step + 1) / (cfg.warmup * steps_per_epoch)
    return cfg.lr * 0.5 * (1 + math.cos(math.pi * (step - cfg.warmup) / (cfg.epochs - cfg.warmup)))


def warmup_each_epoch(step, cfg, steps_per_epoch):
    total, warmup = cfg.epochs * steps_per_epoch, cfg.warmup * steps_per_epoch
    if step < warmup:
        return cfg.lr * (step % steps_per_epoch + 1) / warmup
    return cfg.lr * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def starts_at_zero(step, cfg, steps_per_epoch):
    epoch = step / steps_per_epoch
    if epoch < cfg.warmup:
        return cfg.lr * epoch / cfg.warmup
    return cfg.lr * 0.5 * (1 + math.cos(math.pi * (epoch - cfg.warmup) / (cfg.epochs - cfg.warmup)))


def cold_start(step, cfg, steps_per_epoch):
    total, warmup = cfg.epochs * steps_per_epoch, cfg.warmup * steps_per_epoch
    return cfg.lr * 0.5 * (1 + math.cos(math.pi * max(0, step - warmup) / (total - warmup)))


def one_part_of_one_process(blr, images, accum, processes):
    return blr * images / 256


def without_accumulation(blr, images, accum, processes):
    return blr * images * processes / 256


def one_process(blr, images, accum, processes):
    return blr * images * accum / 256


def over_own_batch(blr, images, accum, processes):
    return blr * images * accum * processes / images


def by_workers(blr, images, accum, processes):
    return blr * processes


def divided_by_accum(blr, images, accum, processes):
    return blr * images * processes / 256 / accum


def square_root(blr, images, accum, processes):
    return blr * math.sqrt(images * accum * processes / 256)


def upside_down(blr, images, accum, processes):
    return blr / (images * accum * processes / 256)


def never_cleared(model, optimizer, image, mask, steps):
    losses = []
    for _ in range(steps):
        loss = model(image, mask).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def never_stepped(model, optimizer, image, mask, steps):
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = model(image, mask).loss
        loss.backward()
        losses.append(loss.item())
    return losses


def another_mask_each_step(model, optimizer, image, mask, steps):
    generator, losses = torch.Generator().manual_seed(1), []
    for _ in range(steps):
        mask = mask[:, torch.randperm(mask.shape[1], generator=generator)]
        loss = model(image, mask).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def whole_graphs(model, optimizer, image, mask, steps):
    losses = []
    for _ in range(steps):
        losses.append(model(image, mask).loss)
        losses[-1].backward()
        optimizer.step()
        optimizer.zero_grad()
    return losses


def last_loss_only(model, optimizer, image, mask, steps):
    for _ in range(steps):
        loss = model(image, mask).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return [loss.item()]


def loss_of_all_patches(model, optimizer, image, mask, steps):
    from mae_lite.patches import patchify

    losses = []
    for _ in range(steps):
        loss = (model(image, mask).pred - patchify(image, model.cfg.patch_size)).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def ratio_inverted(speed, cfg, mask_ratio):
    return speed * count_flops(cfg, mask_ratio).total / count_flops(cfg).total


def visible_only(speed, cfg, mask_ratio):
    return speed * (1 - cfg.mask_ratio) / (1 - mask_ratio)


def pairs_only(speed, cfg, mask_ratio):
    return speed * ((1 - cfg.mask_ratio) / (1 - mask_ratio)) ** 2


def encoder_only(speed, cfg, mask_ratio):
    return speed * count_flops(cfg).encoder / count_flops(cfg, mask_ratio).encoder


def decoder_only(speed, cfg, mask_ratio):
    return speed * count_flops(cfg).decoder / count_flops(cfg, mask_ratio).decoder


def unchanged(speed, cfg, mask_ratio):
    return speed


MUTANTS = {
    "overfit": [
        Mutant(never_cleared, "nobody cleared them", "wenet-e2e/wekws#73 and many more"),
        Mutant(never_stepped, "the weights never move"),
        Mutant(another_mask_each_step, "that one mask at every step"),
        Mutant(whole_graphs, "use loss.item()", "a usual leak of memory"),
        Mutant(last_loss_only, "record one for each"),
        Mutant(loss_of_all_patches, "the mean over all patches"),
    ],
    "learning_rate": [
        Mutant(cosine_from_step_0, "the cosine counts from step 0", "lindermanlab/S5#11, in kind fairchem#1967"),
        Mutant(stretched, "stretched over all steps"),
        Mutant(ends_at_half, "ends at half of its peak"),
        Mutant(not_halved, "twice its peak"),
        Mutant(by_the_epoch, "falls in stairs", "a scheduler stepped once an epoch"),
        Mutant(steps_against_epochs, "against the number of epochs", "ScrollPrize/villa#1495"),
        Mutant(warmup_each_epoch, "starts again with every epoch", "Vision-CAIR/MiniGPT-4#263"),
        Mutant(starts_at_zero, "the rate 0 and moves nothing", "facebookresearch/mae, harmless"),
        Mutant(cold_start, "there is no warm-up"),
    ],
    "peak_rate": [
        Mutant(one_part_of_one_process, "of one process and part"),
        Mutant(without_accumulation, "the parts of a step are left out", "roytseng-tw/Detectron.pytorch#113"),
        Mutant(one_process, "the other processes are left out"),
        Mutant(over_own_batch, "stays 256 whatever batch", "NVIDIA/apex#165"),
        Mutant(by_workers, "counts processes and not images", "mala-project/mala#422"),
        Mutant(divided_by_accum, "this divides by accum"),
        Mutant(square_root, "the root of the batch"),
        Mutant(upside_down, "upside down"),
    ],
    "predict_speed": [
        Mutant(ratio_inverted, "upside down"),
        Mutant(visible_only, "counts visible patches only"),
        Mutant(pairs_only, "counts pairs of visible patches"),
        Mutant(encoder_only, "the encoder alone"),
        Mutant(decoder_only, "the decoder alone"),
        Mutant(unchanged, "images a second; speed at the old"),
    ],
}
