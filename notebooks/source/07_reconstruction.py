# %% [markdown]
# # 07 Reconstruction lab
#
# Hide patches of a photo, and a masked autoencoder paints what it cannot see. Run the cell below (Shift+Enter), then
# drag *Hidden*, roll the die, paint on the left picture, or bring a photo of your own.

# %%
from mae_lite.widgets import playground

playground()

# %% [markdown]
# What does such a model know about pictures, and how can you tell?
#
# **You will be able to**
# - read the pictures and numbers of a reconstruction, and say which of them count;
# - explain why hidden patches come out blurred and visible ones come out as noise;
# - predict how the number, the choice and the place of hidden patches change the result, and test it;
# - judge a reconstruction by a yardstick, not by whether it looks nice.
#
# **Time** 25 minutes, no GPU. **Needs** nothing; if you are new, look at [Start here](00_start_here.ipynb) first.

# %% [markdown]
# ## Predict, then touch
#
# Write your answers down before you try each one; a word is enough.
# 1. Drag *Hidden* slowly to the right. Where do *you* lose the face, and is that before or after the model does?
# 2. Go one patch at a time (click the slider, then arrow keys). Can a patch that was hidden come back as you go right?
# 3. Change the mask from *Random* to *Block* at the same number. Better or worse? And *Grid*?
# 4. Set *Hidden* to 0 and choose *Raw output*. What will it look like?
# 5. Press *Clear*, then paint over the face, and nothing else. What will the model put there?

# %% [markdown]
# **Explain**
# 1. The model loses fine things long before large ones: it keeps the colour and the rough shape of the suit for as
#    long as a few of its patches are seen, and has no face to offer once those are hidden.
# 2. No. One seed ranks all patches once, and the slider only moves the cut, so a hidden patch stays hidden. Any change
#    between two positions comes from what was hidden in addition, not from a new draw.
# 3. Further down you measure it.
# 4. Nothing is hidden, so nothing has a loss: all of it is what the decoder paints where it was never corrected.
# 5. Blurred colours that continue the rim of the hole, without eyes or mouth. The middle is far from anything visible,
#    and in training this model met only patches hidden here and there, never a hole in one piece.
#
# *Copy as Python* gives the lines that repeat the picture you see. The rest of this notebook takes them apart.

# %% [markdown]
# ## The model
#
# Loaded from this project's own files. What it was trained on and how decides what you can expect of it, so look first.

# %%
import json

import torch

import mae_lite as ml
from mae_lite.checkpoints import DEFAULT_MODEL
from mae_lite.figures import show_comparison, show_errors
from mae_lite.masking import draw_mask

model = ml.load_model()

# %%
rows, columns = model.cfg.grid_size
print(f"image {model.cfg.img_size}, cut into {rows} x {columns} = {model.num_patches} patches")
print(f"trained with {model.cfg.mask_ratio:.0%} of the patches hidden, drawn at random each time")
card = json.loads(ml.asset_path("weights", DEFAULT_MODEL, "config.json").read_text())
for key in ("params", "data", "licence"):
    print(f"{key}: {card.get(key, 'not stated')}")

# %% [markdown]
# ## One reconstruction, step by step
#
# A photo becomes a tensor of normalised pixels. A mask has one value for each patch, `True` for hidden. Reconstructing
# runs the encoder on the visible patches and the decoder on all positions.

# %%
coffee = ml.asset_path("photos", "coffee.jpg")
image = ml.load_image(coffee, model)
mask = ml.random_mask(model.num_patches, mask_ratio=0.75, seed=0)
print(tuple(image.shape), tuple(mask.shape), int(mask.sum()), "hidden")

# %%
shown = ml.reconstruct(model, image, mask)
shown.figure()

# %% [markdown]
# **How to read it**
# - *original* is the photo at the model's size, *masked* is all that the encoder gets.
# - *output* is the decoder's guess for every patch. The visible ones come out as noise or worse: the loss is taken on
#   hidden patches only, so nothing ever told the decoder what to paint there.
# - *output + visible patches* pastes the true pixels over those. This is the picture people show; remember that part of
#   it is the photo itself.
# - *error* is the difference on hidden patches, from black (none) to yellow (half the range of a channel or more).
# - *MSE* is the training loss, in normalised pixels. *PSNR* says much the same on a log scale, higher is better.
#   *Skill* compares with a **harmonic fill**, the smoothest surface through the visible pixels, which knows nothing
#   about the world: 1 is perfect, 0 is no better than that surface, below 0 is worse.

# %% [markdown]
# ### Why visible patches look worse
#
# Measure it: the squared error of the raw output on the two kinds of patch.

# %%
with torch.inference_mode():
    pred = model(image, mask).pred
error = (pred - ml.patchify(image, model.cfg.patch_size)).square().mean(dim=2)
print(f"hidden patches (these carry the loss): {error[mask].mean():.3f}")
print(f"visible patches (these do not):        {error[~mask].mean():.3f}")

# %% [markdown]
# ### Why hidden patches are blurred
#
# Say a hidden pixel is black (0) or white (1), and what is visible does not tell which. Which grey costs least on
# average, if the cost is the squared error?

# %%
truth = torch.tensor([0.0, 1.0])
for guess in (0.0, 0.25, 0.5, 0.75, 1.0):
    print(f"paint {guess:.2f}: expected squared error {(guess - truth).square().mean():.4f}")

# %% [markdown]
# The average of the possible answers wins, though it is never the right answer itself. Where the model is unsure it
# paints that average, and an average of many sharp edges is a blur. Blur is how this loss spells "I do not know".

# %% [markdown]
# ## Another seed, another picture
#
# The model is deterministic: the same photo and the same mask give the same picture. All that a seed changes is which
# patches are hidden.

# %%
masks = {f"seed {seed}": draw_mask("random", model.cfg.grid_size, 0.75, seed=seed) for seed in range(5)}
show_comparison({name: ml.reconstruct(model, image, mask) for name, mask in masks.items()})

# %%
masks = [draw_mask("random", model.cfg.grid_size, 0.75, seed=seed) for seed in range(20)]
errors = torch.tensor([ml.reconstruct(model, image, mask).mse for mask in masks])
print(f"MSE over 20 seeds: {errors.min():.3f} to {errors.max():.3f}, mean {errors.mean():.3f}, std {errors.std():.3f}")

# %% [markdown]
# So one picture with one mask says little about a model: compare models over many.
#
# > **A reader's question: why does a second run give another picture?** Several implementations draw the mask inside
# > the model, also when it is only evaluated, so every call hides other patches. Here the mask is an argument, and
# > you decide.

# %% [markdown]
# ## Random, block, grid
#
# The same number of hidden patches, chosen in three ways. **Predict** the order of the three errors, then run.

# %%
masks = {name: draw_mask(name, model.cfg.grid_size, 0.75, seed=0) for name in ("random", "block", "grid")}
show_comparison({name: ml.reconstruct(model, image, mask) for name, mask in masks.items()})

# %% [markdown]
# **Explain.** What counts is how far a hidden patch is from the nearest visible one. On a grid every hidden patch
# touches a visible one, so good guesses are near. A block leaves large areas with nothing close, and there the model
# can only continue colours inwards. Random lies between. Two cautions: this model met only random masks in training,
# and a low error here does not mean better features. The paper (section 4.1, *mask sampling*) finds that the easy
# grid gives sharper pictures and worse features.

# %% [markdown]
# ## How much can you hide?
#
# The error of the model and of the harmonic fill on some photos, as the hidden share grows. **Predict**: where does the
# model do best *compared with the fill*: below the ratio it was trained at, at it, or above?

# %%
from mae_lite.evaluate import masked_errors

photos = torch.cat([ml.load_image(path, model) for path in ml.list_photos()[::3]])
ratios = (0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.85, 0.9, 0.95)
found = [masked_errors(model, photos, ratio) for ratio in ratios]
mse = {name: [f[name].mean().item() for f in found] for name in ("model", "harmonic")}
print(len(photos), "photos,", len(ratios), "ratios")

# %%
named = {"model": mse["model"], "harmonic fill": mse["harmonic"]}
show_errors(ratios, named, trained_at=model.cfg.mask_ratio)

# %%
for ratio, ours, fill in zip(ratios, mse["model"], mse["harmonic"], strict=True):
    print(f"{ratio:4.0%} hidden: model {ours:.3f}, harmonic fill {fill:.3f}, skill {1 - ours / fill:+.2f}")

# %% [markdown]
# **Explain.** Both errors rise, since what is hidden lies farther and farther from what is seen. The model was trained
# at one ratio and can be used at all; the column of skills says by how much it beats the fill at each, and where its
# lead is largest may surprise you. Now look at the fill's own error on the left: with little hidden, continuing the
# neighbours is already a good answer, and a network that is trained there can get by with that. This is the paper's
# reason to hide so much (section 3): not prettier pictures, but a task that neighbours alone do not solve. A few photos
# are a small sample, so trust the trend and not the second digit.

# %% [markdown]
# ## Your own photo
#
# Put a path between the quotes, or use *Own photo* in the playground above. The middle of the picture is cut out to
# fit, and nothing leaves this machine.

# %%
own = ""
path = own or ml.asset_path("photos", "nuthatch.jpg")
ml.reconstruct(model, ml.load_image(path, model), mask).figure()

# %% [markdown]
# Things worth trying: a page of text, a face, a brick wall, a plain sky. Before you run each, say what will be easy.

# %% [markdown]
# ## Key takeaways
# - The loss counts hidden patches only, so the raw output on visible patches means nothing and is pasted over.
# - Squared error makes the average of all plausible answers the best one, and the average is blurred.
# - The mask is an input: with the photo and the mask given, the result is fixed.
# - Which patches are hidden matters as much as how many.
# - A nice picture is no evidence by itself. Compare with a fill that knows nothing, over several photos and masks.
#
# ## To discuss
# 1. If you wanted sharp guesses instead of averages, what would you change about the loss? What would you lose?
# 2. Filling holes was never the goal, features were. What would convince you that they are good?
# 3. For words, hiding about one in seven is usual. What about pictures makes a far higher share work?
# 4. Find a photo where the harmonic fill beats the model. What do such photos have in common?
#
# ## Further reading
# - He, Chen, Xie, Li, Dollár, Girshick: *Masked Autoencoders Are Scalable Vision Learners*,
#   [arXiv 2111.06377](https://arxiv.org/abs/2111.06377). Section 3 for the method, 4.1 for ratio and mask sampling,
#   figures 2 to 4 for reconstructions like these.
#
# Back to [Start here](00_start_here.ipynb).
