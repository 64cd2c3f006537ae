# %% [markdown]
# # 06 Train one, watch it learn
#
# Patches, masks, encoder and decoder, loss: the parts are there. What is left is the loop that makes a model out of
# random weights. Here you put it together by hand, train a small model on a few photos while you watch, and then leaf
# through the film of a training that took much longer.
#
# **You will be able to**
# - put a training loop together: crop, mask, loss, gradient, step;
# - set a learning rate by batch size, warm-up and cosine, and say what each is for;
# - read a loss curve, and tell learning from learning by heart;
# - say what a few minutes of training buy, and what it does not.
#
# **Time** 30 minutes to read and run, 45 more with the four exercises. **Needs** the loss of
# [notebook 05](05_loss_and_pictures.ipynb). No GPU: the training takes one to three minutes on a laptop,
# and *Stop* ends it at any time.
#
# {navigation}

# %%
import itertools
import os
import tempfile

import torch

import mae_lite as ml
from mae_course.exercises import train_one as check
from mae_lite.show.figures import show_pictures

FAST = "MAE_LITE_FAST" in os.environ  # the tests of this notebook take far fewer steps

# %% [markdown]
# ## A few photos, many crops
#
# The bundled photos, or **your own**: put the name of a folder between quotes in the first line. Every fifth picture is
# held out: the model never trains on it. Ten pictures are enough to run all of this; more are better.

# %%
from mae_lite.train.data import ImageSource, LazyImages

folder = ml.asset_path("photos")  # or "/home/me/holiday", with sub-folders or without
source = ImageSource(folder)
held_out = list(range(2, len(source), 5))
trained_on = [i for i in range(len(source)) if i not in held_out]
print(len(trained_on), "pictures to train on,", len(held_out), "held out")

# %%
pixels = LazyImages(source, size=96)[torch.tensor(trained_on)]
print(tuple(pixels.shape), pixels.dtype)

# %% [markdown]
# The paper's pre-training does nothing to a photo but cut out a piece of random size, resize it, and flip half of them
# (Tables 1e and 8). Other self-supervised methods live on strong augmentation; here it is the fresh mask that makes
# every visit a new task. Six crops of one photo:

# %%
from mae_lite.train.augment import random_resized_crop_flip

draw = torch.Generator().manual_seed(0)
crops = random_resized_crop_flip(pixels[3:4].repeat(6, 1, 1, 1), (64, 64), draw, scale=(0.3, 1.0))
shown = {f"crop {k}": crop for k, crop in enumerate(crops)}
show_pictures(shown, alt="Six crops of one photo of a flower: pieces of different size and place, some mirrored.")

# %% [markdown]
# ## One step
#
# A model small enough for a laptop: 8 x 8 patches of 8 x 8 pixels, four blocks in the encoder, one in the decoder.

# %%
cfg = ml.MAEConfig(
    img_size=(64, 64), patch_size=8, embed_dim=96, depth=4, num_heads=3,
    decoder_embed_dim=64, decoder_depth=1, decoder_num_heads=2,
)  # fmt: skip
torch.manual_seed(0)
model = ml.MAE(cfg)
print(f"{sum(p.numel() for p in model.parameters()):,} parameters")

# %% [markdown]
# **Predict**: before it has learnt anything, is the model better or worse than one that paints every patch grey, the
# mean colour?

# %%
from mae_lite.images import normalize

imgs = normalize(crops, cfg)  # bytes to mean 0, deviation 1
mask = ml.random_mask(cfg.num_patches, mask_ratio=0.75, batch_size=len(imgs))
out = model(imgs, mask)
grey = ml.mae_loss(torch.zeros_like(out.pred), ml.patchify(imgs, 8), mask)
print(f"loss with random weights {out.loss:.2f}, all grey {grey:.2f}")

# %% [markdown]
# **Explain.** Worse: random weights paint noise, and noise is further off than nothing. So the first thing to learn is
# to keep quiet, and the first steep fall of a loss curve shows no more than that. The mean of the photo's own visible
# patches is the next thing, and only then comes what one would call seeing.
#
# A step is three lines. AdamW does not follow the gradient of one batch. It keeps a running mean of the gradient and
# another of its square, and divides the one by the root of the other; the betas say how long their memory is.

# %%
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95))  # Table 8
out.loss.backward()
optimizer.step()
optimizer.zero_grad()
print(f"the same crops under the same mask, after a step: {model(imgs, mask).loss:.2f}")

# %% [markdown]
# ### Exercise 1: learn one picture by heart
#
# > **Difficulty** 2 of 5 · **Time** 10 minutes
#
# Before you train for hours, see whether the loop can learn *one* picture under *one* mask. If it cannot do that, it is
# broken. Take `steps` steps and return the list of losses, one number a step, each as it was before its step.
#
# <details><summary>Hint 1</summary>
#
# The loss is `model(image, mask).loss`. It must be computed anew in every step, since the weights have moved.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Four things a step: loss, `backward`, `step`, `zero_grad`. And `loss.item()` is the number alone.
#
# </details>


# %%
def overfit(model, optimizer, image, mask, steps):
    """The loss of each of `steps` steps, as a list of numbers."""
    ### BEGIN SOLUTION
    losses = []
    for _ in range(steps):
        loss = model(image, mask).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses
    ### END SOLUTION


check.overfit(overfit)

# %% [markdown]
# ## The plan
#
# How long, how many at once, how fast. `pretrain` counts passes over the data (epochs). A pass over a few photos would
# be less than one batch, so each photo is in many times; every copy is cropped and masked in its own way. And in full
# precision: left alone, `pretrain` computes matrix products with half the bits where that is faster, on GPUs and newer
# processors, and the loop that you write by hand further down would differ in the last digits.

# %%
from mae_lite.train import pretrain

images = pixels.repeat(-(-1024 // len(pixels)), 1, 1, 1)
crops_seen = 1_000 if FAST else 50_000
epochs = max(1, crops_seen // len(images))
plan = pretrain.PretrainConfig(epochs=epochs, batch_size=32, blr=0.012, min_scale=0.3, precision="fp32")
steps_per_epoch = len(images) // plan.batch_size
print(f"{plan.epochs} epochs of {steps_per_epoch} steps of {plan.batch_size} crops")

# %% [markdown]
# ### How fast
#
# The learning rate is no constant. It rises in a line while AdamW's running means fill with something to go by, and
# then falls along half a cosine, so that the last steps are small and the weights come to rest.

# %%
from mae_course.figures.train_one import show_schedule

show_schedule(plan, steps_per_epoch)

# %% [markdown]
# The rise, by hand:

# %%
warmup = plan.warmup * steps_per_epoch
rise = [plan.lr * (step + 1) / warmup for step in range(int(warmup))]
assert rise == [pretrain.learning_rate(step, plan, steps_per_epoch) for step in range(int(warmup))]
print(f"{warmup:.0f} steps of warm-up, from {rise[0]:.1e} to {rise[-1]:.1e}")

# %% [markdown]
# ### Exercise 2: the whole schedule
#
# > **Difficulty** 2 of 5 · **Time** 15 minutes
#
# Return the rate of any step, counted from 0: the rise, and after it a cosine from the peak `cfg.lr` down to 0 over the
# steps that are left.
#
# <details><summary>Hint 1</summary>
#
# Which share of the steps *after the warm-up* is over? It goes from 0 to 1; times pi it is an angle.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `math.cos` goes from 1 to -1 over half a turn. Shift and halve it, and it goes from 1 to 0.
#
# </details>

# %%
import math


def learning_rate(step, cfg, steps_per_epoch):
    total, warmup = cfg.epochs * steps_per_epoch, cfg.warmup * steps_per_epoch
    ### BEGIN SOLUTION
    if step < warmup:
        return cfg.lr * (step + 1) / warmup
    share = (step - warmup) / (total - warmup)
    return cfg.lr * (1 + math.cos(math.pi * share)) / 2
    ### END SOLUTION


check.learning_rate(learning_rate)

# %% [markdown]
# ### How high
#
# The peak is `blr x batch / 256`: the mean over more images is a steadier gradient and bears a larger step. The paper
# takes a batch of 4096. Somebody with 32 images a step who keeps the paper's `blr` gets this:

# %%
for batch in (4096, 256, 32):
    print(f"batch {batch:4}: peak rate {pretrain.PretrainConfig(batch_size=batch, blr=1.5e-4).lr:.1e}")
print(f"our plan:   peak rate {plan.lr:.1e}")


# %%
def try_rate(blr):
    torch.manual_seed(0)
    fresh = ml.MAE(cfg)
    trial = pretrain.PretrainConfig(epochs=2, warmup_epochs=0.2, batch_size=32, blr=blr, min_scale=0.3)
    with tempfile.TemporaryDirectory() as out:
        records = itertools.islice(pretrain.pretrain(fresh, images, trial, out), 10 if FAST else 50)
        losses = [record["loss"] for record in records]
    return sum(losses[-5:]) / 5


# %% [markdown]
# **Predict**: the loss after fifty steps with the paper's base rate, with ours, and with a hundred times ours.

# %%
for name, blr in {"the paper's base rate": 1.5e-4, "ours": plan.blr, "a hundred times ours": 100 * plan.blr}.items():
    print(f"{name:22} loss {try_rate(blr):.2f}")

# %% [markdown]
# **Explain.** With the paper's base rate and a batch of 32 the weights have hardly moved. It would get there, in a
# hundred times the steps. A rate far too high is not faster either: each step throws away what the one before it had
# learnt. No error is raised in either case, so look at the curve early.
#
# ### Exercise 3: the batch that counts
#
# > **Difficulty** 1 of 5 · **Time** 5 minutes
#
# Each of `processes` GPUs takes `images` images at a time, `accum` times, and then the weights move once, by the mean
# over all of it. Return the peak rate.
#
# <details><summary>Hint</summary>
#
# How many images is one step of the weights made of?
#
# </details>


# %%
def peak_rate(blr, images, accum, processes):
    """The learning rate at the peak."""
    ### BEGIN SOLUTION
    return blr * images * accum * processes / 256
    ### END SOLUTION


check.peak_rate(peak_rate)

# %% [markdown]
# ### What is held back
#
# Weight decay pulls weights towards 0, so that none grows large for nothing. It is for matrices. A bias, a norm's scale
# and a token have no reason to be near 0, so they are left alone.

# %%
named = list(model.named_parameters())
decayed = [p for name, p in named if p.ndim > 1 and "token" not in name]
others = [p for name, p in named if p.ndim <= 1 or "token" in name]
print(len(decayed), "tensors decay,", len(others), "do not:", [name for name, p in named if "token" in name], "...")

# %%
groups = [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
optimizer = torch.optim.AdamW(groups, lr=plan.lr, betas=(0.9, 0.95), fused=True)
(package,) = pretrain.make_optimizers(model, plan)
for mine, theirs in zip(optimizer.param_groups, package.param_groups, strict=True):
    assert all(a is b for a, b in zip(mine["params"], theirs["params"], strict=True))
    assert {k: v for k, v in mine.items() if k != "params"} == {k: v for k, v in theirs.items() if k != "params"}
print("equals mae_lite's make_optimizers")

# %% [markdown]
# ## The loop
#
# All of it, for three steps. One line is new: a gradient that is longer than 1 is cut to that length, so that one odd
# batch cannot spoil the model. (With its large batches the paper does without.)

# %%
torch.manual_seed(0)
model, by_hand = ml.MAE(cfg), []
(optimizer,) = pretrain.make_optimizers(model, plan)
for step in range(3):
    for group in optimizer.param_groups:
        group["lr"] = pretrain.learning_rate(step, plan, steps_per_epoch)
    batch = images[pretrain.batch_indices(step, len(images), plan)]  # which images it is the turn of
    draw = torch.Generator().manual_seed(step)
    crops = random_resized_crop_flip(batch, cfg.img_size, draw, (plan.min_scale, 1.0))
    mask = ml.random_mask(cfg.num_patches, cfg.mask_ratio, batch_size=len(crops), generator=draw)
    loss = model(normalize(crops, cfg), mask).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), plan.clip_grad)
    optimizer.step()
    optimizer.zero_grad()
    by_hand.append(loss.item())

# %%
torch.manual_seed(0)
with tempfile.TemporaryDirectory() as out:
    steps = itertools.islice(pretrain.pretrain(ml.MAE(cfg), images, plan, out), 3)
    package = [record["loss"] for record in steps]
print("by hand: ", [f"{loss:.5f}" for loss in by_hand])
print("pretrain:", [f"{loss:.5f}" for loss in package])
assert torch.allclose(torch.tensor(by_hand), torch.tensor(package))

# %% [markdown]
# `pretrain` does this and no more, and yields a record after each step. It also keeps a table of losses and checkpoints
# to go on from, and runs on several GPUs.

# %% [markdown]
# ## Watch it learn
#
# Four photos to redraw: two that it trains on, two that it never sees.
#
# **Predict**: what will be there first, colours, edges or shapes? And on which side of the four will the pictures be
# better in the end?

# %%
from pathlib import Path

watched = {"seen": (trained_on[0], trained_on[3]), "unseen": (held_out[0], held_out[len(held_out) // 2])}
photos = {
    f"{Path(source.items[i][1]).stem} ({how})": ml.load_image(source.open(i), cfg)
    for how, numbers in watched.items()
    for i in numbers
}

# %% [markdown]
# **Stop** ends it whenever you have seen enough. The model is then as good as it got, and everything below works with
# it. Run the cell again for another go.

# %%
from mae_lite.widgets.training import watch_training

torch.manual_seed(0)
model = ml.MAE(cfg)
view = await watch_training(model, images, plan, photos, every=2 if FAST else 20)

# %% [markdown]
# (`await`, because between two steps the kernel has to look whether you pressed the button.)
#
# Leaf back through your own training:

# %%
view.flipbook()

# %% [markdown]
# **Explain.** First the noise goes quiet. Then each photo gets one colour, the mean of what is visible of it. Then the
# colours go where they belong: sky above ground, something warm in the middle. Last come shapes, and first on the
# photos that it trains on: a flower that is round, a dark thing where the helmet is. The curve says the same: steep, a
# knee, and then a long slope on which each further bit of loss costs more steps than the one before.
#
# The model is yours. Keep it, and open it in the playground of notebook 07 with `playground("out/my-first-mae")`:

# %%
ml.save_model(model, "out/my-first-mae")
image = ml.load_image(source.open(trained_on[-1]), model)
shown = ml.reconstruct(model, image, ml.random_mask(model.num_patches, mask_ratio=0.75, seed=1))
pictures = {"given": shown.masked, "painted": shown.pasted, "original": shown.original}
pictures = {name: torch.from_numpy(picture).permute(2, 0, 1) for name, picture in pictures.items()}
show_pictures(pictures, alt="A photo with 75 % of its patches hidden; what the model made of it; the photo.")

# %% [markdown]
# ## A reader's question
#
# > Does it work on a small data set?
# > ([mae, issue 19](https://github.com/facebookresearch/mae/issues/19); in
# > [issue 95](https://github.com/facebookresearch/mae/issues/95) the loss falls, and the pictures look like colourful
# > noise.)
#
# **Predict**: the error of your model on photos it trained on, and on those held out. And on the held-out ones, who is
# nearer: your model, the harmonic fill that has learnt nothing, or a model that trained for hours on other photos?

# %%
from mae_lite.measure.evaluate import masked_errors


def report(name, model, numbers):
    imgs = torch.cat([ml.load_image(source.open(i), model) for i in numbers]).repeat(4, 1, 1, 1)  # four masks each
    mse = {who: errors.mean().item() for who, errors in masked_errors(model, imgs).items()}
    skill = 1 - mse["model"] / mse["harmonic"]
    print(f"{name:35} MSE {mse['model']:.3f}, harmonic fill {mse['harmonic']:.3f}, skill over it {skill:+.2f}")


# %%
nano = ml.load_model("mae-lite-nano")
report("yours, photos it trained on", model, trained_on[: len(held_out)])
report("yours, held-out photos", model, held_out)
report("mae-lite-nano, the same held out", nano, held_out)

# %% [markdown]
# **Explain.** On its own photos your model is better than on others: with so few it learns *these* by heart, and fresh
# crops and masks only slow that down. On held-out photos it loses to a fill that knows nothing. The bundled model has
# seen none of these photos either, and wins. (It takes larger photos in more patches, so compare its skill, not its
# MSE.) A falling training loss says that something is learnt, and not what. Hold pictures out, and compare with a fill.
#
# Small is relative. [IcarusWizard](https://github.com/IcarusWizard/MAE) trains a ViT-Tiny on the 50,000 small pictures
# of CIFAR-10 for 2,000 epochs, and the classifier made from it gets from 74 to 90 % right. What it takes is steps, a
# rate that fits the batch, and as many *different* pictures as one can get.

# %% [markdown]
# ## The film of a long training
#
# The bundled model left a picture of eight photos at steps that grow by a constant factor. It was training on thousands
# of photos, and these were not among them.
#
# **Predict**: at which of the steps will you first recognise the dahlia? Then leaf through.

# %%
from mae_lite.measure.film import load_film
from mae_lite.show.film import film_flipbook

film = load_film("mae-lite-nano")
film_flipbook(film, ("dahlia", "mountains", "astronaut"), batch_size=128)

# %%
from mae_lite.show.figures import show_history

last = film.history[-1]
print(f"{last['step']:,.0f} steps in {last['seconds'] / 60:.0f} minutes; yours: {len(view.history):,} steps")
show_history(film.history, log_steps=True)

# %% [markdown]
# **Explain.** Grey, one colour, colours in their place, shapes: the order is that of your own training, and the steps
# at which things happen are alike. What the hours add is the right end: on a scale where each factor of steps has the
# same width, the loss goes on falling and the shapes get their edges. Training and validation loss lie close together,
# since with thousands of photos there is nothing to gain by learning some by heart.
#
# The paper's models train for 800 or 1600 epochs of ImageNet, and linear probing has not saturated after the latter
# (section 4.1, Figure 7).

# %% [markdown]
# ## What the mask ratio costs
#
# A training step is a pass forward and one back. Crops for a measurement of a whole step, with 75 % hidden:

# %%
from mae_lite.measure.cost import count_flops, median_seconds

batch = normalize(crops, cfg)  # the 32 crops of the loop above


def images_per_second(mask_ratio):
    mask = ml.random_mask(cfg.num_patches, mask_ratio, batch_size=len(batch))
    return len(batch) / median_seconds(lambda: model(batch, mask).loss.backward(), torch.device("cpu"), seconds=0.4)


# %%
speed = images_per_second(0.75)
print(f"75 % hidden: {speed:.0f} images a second")

# %% [markdown]
# ### Exercise 4: predict, then measure
#
# > **Difficulty** 3 of 5 · **Time** 15 minutes
#
# **Predict** the images a second at another ratio, from the `speed` at `cfg.mask_ratio`, if time goes with the number
# of operations. `count_flops(cfg, mask_ratio)` counts those of one image, as `.encoder`, `.decoder` and `.total`; with
# no ratio given it takes `cfg.mask_ratio`. The check is content within a tenth.
#
# <details><summary>Hint</summary>
#
# Twice the operations, half the speed. Who in the model gets every patch, whatever the ratio?
#
# </details>


# %%
def predict_speed(speed, cfg, mask_ratio):
    """Images a second at `mask_ratio`."""
    ### BEGIN SOLUTION
    return speed * count_flops(cfg).total / count_flops(cfg, mask_ratio).total
    ### END SOLUTION


check.predict_speed(predict_speed)

# %%
measured = {ratio: images_per_second(ratio) for ratio in (0.0, 0.5, 0.75, 0.9)}
for ratio, speed in measured.items():
    predicted = measured[0.75] * count_flops(cfg).total / count_flops(cfg, ratio).total
    print(f"{ratio:4.0%} hidden: predicted {predicted:5.0f}, measured {speed:5.0f} images a second")

# %% [markdown]
# **Explain.** Hiding patches makes the encoder cheaper and the decoder not, so the gain stays below fourfold. The
# formula gets the trend and not the number: so small a model spends part of its time on what is no matrix product, and
# a busy machine does the rest. (The predictions start from the line of 75 %, measured once more.) The paper measured
# 2.8 to 4.1 times for its large encoders (Table 2).

# %% [markdown]
# ## Key takeaways
# - A loop is crop, mask, loss, backward, step, and a rate that changes with every step. Nothing else is in `pretrain`.
# - Let it learn one picture by heart before you let it learn anything for hours.
# - The rate belongs to the batch that one step of the weights is made of: images x accumulation x processes.
# - Colours come first, shapes later, detail last; each costs a multiple of the steps of the one before.
# - A falling training loss is no proof. Hold pictures out, and compare with a fill that has learnt nothing.
#
# ## Quiz
# **1.** You move from 8 GPUs to 1 and keep the images on each. What else must change to take the same steps?
# <details><summary>Answer</summary>
#
# Accumulate over 8 parts: the batch of a step and the rate then stay what they were. Or take the smaller batch, divide
# the rate by 8, and expect the curve by steps to look different.
#
# </details>
#
# **2.** A run is stopped at half of its steps. Why is its model worse than one planned for half the steps?
# <details><summary>Answer</summary>
#
# The cosine had not come down: at half the way the rate is still half of the peak, and the weights are still shaken by
# every batch. The planned one spent its last steps coming to rest.
#
# </details>
#
# **3.** The loss falls from 2.3 to 1.1 in fifty steps and somebody says that the model begins to see. What do you say?
# <details><summary>Answer</summary>
#
# All grey has a loss between one and two. So far it has learnt to stop painting noise.
#
# </details>
#
# ## To discuss
# 1. Without any augmentation MAE loses little (Table 1e), and contrastive methods lose a lot (section 4.1). Why?
# 2. Which held-out photos would convince you that a model has learnt something general? Would these four?
# 3. The paper doubles the epochs again and again and is still not done. What would you look at to decide when to stop?
# 4. You have 1,000 X-ray pictures and one GPU for a night. From scratch, or go on from somebody's weights?
#
# ## Further reading
# - [He et al. 2021](https://arxiv.org/abs/2111.06377), Table 8 for the recipe, Figure 7 for the length of training.
# - Goyal et al. 2017: *Accurate, Large Minibatch SGD*, [arXiv 1706.02677](https://arxiv.org/abs/1706.02677). Where the
#   linear rule and the warm-up come from.
# - El-Nouby et al. 2021: *Are Large-scale Datasets Necessary for Self-Supervised Pre-training?*,
#   [arXiv 2112.10740](https://arxiv.org/abs/2112.10740). Denoising autoencoders on small data.
# - Karpathy 2019: [A Recipe for Training Neural Networks](https://karpathy.github.io/2019/04/25/recipe/). Overfit one
#   batch, and the rest.
#
# {navigation}
