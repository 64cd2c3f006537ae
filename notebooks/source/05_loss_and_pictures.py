# %% [markdown]
# # 05 The loss, norm-pix and honest pictures
#
# The model paints every patch, and is judged on the hidden ones alone. That one choice decides what it learns, what its
# pictures look like, and how easily a picture can claim more than the model knows.
#
# **You will be able to**
# - compute the masked loss by hand, and say why visible patches come out worse than hidden ones;
# - explain why squared error blurs, and where in a photo the error sits;
# - build the norm-pix target, and say what it keeps of a patch and what it drops;
# - show a norm-pix prediction in three ways, and spot the one that leaks the answer.
#
# **Time** 30 minutes to read and run, 45 more with the four exercises. **Needs** patches and masks, as in the notebooks
# before. No GPU.
#
# {navigation}

# %%
import torch

import mae_lite as ml
from mae_course.exercises import loss_and_pictures as check
from mae_course.figures import loss_and_pictures as figures
from mae_lite.measure.sweeps import predict_unseen, ten_guesses
from mae_lite.show.figures import show_pictures
from mae_lite.show.sweeps import show_guesses, show_unseen

_ = torch.set_grad_enabled(False)  # nothing is trained here

# %% [markdown]
# ## Four patches, one number
#
# Four patches of four pixels. The model saw patches 0 and 3 and painted all four. Follow one row from left to right:
# take the difference, square it, take the mean.

# %%
truth = torch.tensor([[1.0, 2, 1, 2], [4, 4, 4, 4], [0, 0, 3, 3], [2, 4, 2, 4]])
pred = torch.tensor([[3.0, 0, 1, 4], [4, 5, 4, 3], [1, 1, 1, 1], [0, 2, 2, 4]])
mask = torch.tensor([False, True, True, False])  # True = hidden
figures.show_masked_loss(truth, pred, mask)

# %% [markdown]
# In code it is one line for the rows, and one for those that count:

# %%
per_patch = (pred - truth).square().mean(dim=-1)
print("mean of each row:", per_patch.tolist())
print("loss:", per_patch[mask].mean().item())

# %% [markdown]
# **Predict**: the model paints the visible patch 0 a hundred times brighter. What happens to the loss, and what to the
# mean over all four patches?

# %%
worse = pred.clone()
worse[0] *= 100
per_patch = (worse - truth).square().mean(dim=-1)
print("loss:", per_patch[mask].mean().item(), "  all patches:", per_patch.mean().item())

# %% [markdown]
# **Explain.** The loss does not notice. Nothing that happens on a visible patch can raise or lower it. The paper calls
# this choice "purely result-driven" (footnote 1): with a loss on all pixels, accuracy went down by about half a point.
#
# ### Exercise 1: the masked mean
#
# > **Difficulty** 2 of 5 · **Time** 8 minutes
#
# Write the loss for a batch: `pred` and `patches` are (b, n, patch_dim), `mask` is (b, n), True = hidden. It is the
# mean over all hidden patches of the batch, however many each image has. With nothing hidden it is 0.
#
# <details><summary>Hint 1</summary>
#
# First (b, n): a mean squared error for each patch. Then multiply by the mask and add up. By what do you divide?
#
# </details>
# <details><summary>Hint 2</summary>
#
# By the number of hidden patches, `mask.sum()`. And 0 / 0 is not 0: `.clamp(min=1)`.
#
# </details>


# %%
def mae_loss(pred, patches, mask):
    ### BEGIN SOLUTION
    per_patch = (pred - patches).square().mean(dim=-1)  # (b, n)
    return (per_patch * mask).sum() / mask.sum().clamp(min=1)
    ### END SOLUTION


check.mae_loss(mae_loss)

# %% [markdown]
# ## A reader's question: why do visible patches look worse?
#
# > Why do the patches that aren't masked look worse? (Asked as
# > [mae, issue 146](https://github.com/facebookresearch/mae/issues/146).)
#
# It should be the other way round: the encoder has *seen* them. **Predict**: on which patches is the output closer to
# the truth, on the 49 it got as input or on the 147 it never saw? And by how much?

# %%
raw = ml.load_model("mae-lite-nano")  # predicts pixels
cat = ml.load_image(ml.asset_path("photos", "cat.jpg"), raw)
mask = ml.random_mask(196, mask_ratio=0.75, seed=0)
ml.reconstruct(raw, cat, mask).figure(("original", "masked", "output", "pasted"))

# %%
patches, pred = ml.patchify(cat, 8), raw(cat, mask).pred
per_patch = (pred - patches).square().mean(dim=-1)
print(f"hidden patches:  {per_patch[mask].mean():.3f}")
print(f"visible patches: {per_patch[~mask].mean():.3f}")

# %% [markdown]
# **Explain.** The loss pulls at each predicted pixel with its gradient, and at a visible patch there is none. In all of
# its training nobody told this decoder what to paint there, so it paints anything. It is no sign of what the encoder
# knows. The cure for the eye is to paste the true patches over, as in the picture on the right. The gradient, measured:

# %%
with torch.enable_grad():
    asked = pred.clone().requires_grad_()
    ml.mae_loss(asked, patches, mask).backward()
pull = asked.grad.abs().sum(dim=-1)
print(f"largest pull on a hidden patch {pull[mask].max():.4f}, on a visible one {pull[~mask].max():.4f}")

# %% [markdown]
# > **Bug museum: loss over all patches.** It runs, it falls, and it flatters. Some code takes the mean of
# > `loss * mask` and so divides by the visible patches as well
# > ([ICON, pull request 83](https://github.com/uncbiag/ICON/pull/83)); some has the mask the wrong way round and trains
# > on what was never hidden ([asparagus, pull request 12](https://github.com/Sllambias/asparagus/pull/12)).
#
# A model that copies what it sees gets a quarter off such a loss, for free:

# %%
copied = pred.where(mask[..., None], patches)  # the true visible patches pasted in
error = (copied - patches).square().mean(dim=-1)
print(f"hidden patches {error[mask].mean():.3f}, all patches {error.mean():.3f}")

# %% [markdown]
# ## Why squared error blurs
#
# A hidden patch has an edge in it, dark on the left and bright on the right. What is visible does not tell where, and
# five places are equally likely. **Predict**: which one picture should a model paint to keep its squared error small on
# average? One of the five?

# %%
edges = torch.ones(5, 6).triu(1)[:, None, :].expand(5, 6, 6)  # five patches of 6 x 6 pixels
shown = {f"truth {k + 1}": edge for k, edge in enumerate(edges)} | {"their mean": edges.mean(dim=0)}
show_pictures(
    {name: (60 + 150 * patch).to(torch.uint8).expand(3, 6, 6) for name, patch in shown.items()},
    alt="Five patches with a sharp edge, each at another place, and their mean: a soft ramp from dark to bright.",
)

# %%
for name, guess in shown.items():
    print(f"paint {name:10}: MSE {(guess - edges).square().mean():.3f}, averaged over the five truths")

# %% [markdown]
# **Explain.** The mean of the five wins, and it is the one picture that is never true. A model trained on squared error
# is not shy: for each pixel it paints the mean of what it thinks possible. Blur shows *where it does not know*. Users
# who ask for sharp pictures ask for another loss, such as the GAN loss of one of the official demo weights; that paints
# one of the five edges, and mostly a wrong one.
#
# Look at the guesses of the real model. It gives one answer for each mask, so ten masks give several for each patch.
# **Predict**: is the mean of those answers closer to the truth than a single one, or further off? Is it sharper?

# %%
guesses = ten_guesses(raw, cat)
show_guesses(guesses)

# %%
disagreement = (guesses.single_mse - guesses.mse) ** 0.5
print(f"one guess: MSE {guesses.single_mse:.3f}, their mean: {guesses.mse:.3f}")
print(f"typical distance of a guess from the mean guess: {disagreement:.3f}")

# %% [markdown]
# **Explain.** Closer, and softer. It has to be: the error of single guesses is the error of their mean plus their
# spread around it. The map on the right shows the places where each mask led to another guess, the eyes above all.
# Those are the places that come out blurred.

# %% [markdown]
# ## Where the error sits
#
# Four masks that share out the photo hide each patch three times, so every patch gets an error, and only from masks
# that hid it.

# %%
show_unseen(predict_unseen(raw, cat))

# %% [markdown]
# **Predict** for all bundled photos together: sort the hidden patches by their contrast, the deviation of their pixels,
# and make four equal groups. Which share of the whole loss falls to the group with the most contrast?

# %%
photos = torch.cat([ml.load_image(path, raw) for path in ml.list_photos()])
masks = ml.random_mask(196, mask_ratio=0.75, batch_size=len(photos), seed=0)
targets = ml.patchify(photos, 8)
by_contrast = targets.std(dim=-1)[masks].argsort()


# %%
def share_of_quarters(per_patch):
    """What each quarter of the hidden patches, from faint to strong contrast, contributes to a loss."""
    quarters = per_patch[masks][by_contrast].chunk(4)
    return "  ".join(f"{quarter.sum() / per_patch[masks].sum():5.0%}" for quarter in quarters)


print("from faint to strong:", share_of_quarters((raw(photos, masks).pred - targets).square().mean(dim=-1)))

# %% [markdown]
# **Explain.** The patches with strong edges are most of the loss. Fur, sand or leaves in soft light hardly count,
# although their structure may tell as much about what is in the picture. Norm-pix is an answer to this.

# %% [markdown]
# ## Norm-pix: each patch in its own units
#
# Take away the mean of a patch, and divide by the deviation of its pixels. Three patches of four pixels:

# %%
trio = {"strong": torch.tensor([0.0, 8, 0, 8]), "faint": torch.tensor([3.0, 4, 3, 4]), "flat": torch.full((4,), 5.0)}
figures.show_norm_pix(trio)

# %% [markdown]
# The two stripes become the same: what is kept is the *structure*, what is dropped is brightness and contrast.
#
# By hand. **Predict** the deviation of 0, 8, 0, 8 if you divide by n, and if you divide by n - 1. Which is in the
# figure? And what would become of the flat patch without the small number that is added to its variance?

# %%
x = torch.stack(list(trio.values()))  # (3, 4)
off = x - x.mean(dim=1, keepdim=True)
print("divided by n:    ", (off.square().sum(dim=1) / 4).sqrt())
print("divided by n - 1:", (off.square().sum(dim=1) / 3).sqrt())

# %%
variance = x.var(dim=1, keepdim=True)  # PyTorch divides by n - 1
print("the flat patch without eps:", (off / variance.sqrt())[2])
print("all three with eps:", off / (variance + 1e-6).sqrt(), sep="\n")

# %% [markdown]
# **Explain.** It is the *unbiased* variance, divided by n - 1, so stripes become 0.9 and not 1. Without eps a flat
# patch is 0 / 0. Because eps stands under the root, patches that are nearly flat stay small instead of having their
# noise blown up to full contrast.
#
# > **Bug museum: biased variance.** Hugging Face had ViTMAE twice, and with two targets: PyTorch's `var` divides by
# > n - 1, the `reduce_variance` of its
# > [TensorFlow version](https://github.com/huggingface/transformers/blob/04748af9417eb84ddc0816478825b90f975f3a2d/src/transformers/models/vit_mae/modeling_tf_vit_mae.py)
# > by n. An early
# > [re-implementation](https://github.com/pengzhiliang/MAE-pytorch/blob/8b3ab30f99000ac56b2469de6fd48341ed799a21/run_mae_vis.py)
# > takes the statistics of each colour by itself and adds eps outside the root. All of these train, and none gives the
# > numbers of the official model.

# %%
for n in (4, 192, 768):
    print(f"{n:3} numbers in a patch: biased targets are {(n / (n - 1)) ** 0.5 - 1:.2%} larger")

# %% [markdown]
# ### Exercise 2: norm-pix
#
# > **Difficulty** 2 of 5 · **Time** 8 minutes
#
# Normalise `patches` (b, n, patch_dim), each patch by the mean and the unbiased variance of all its values, the three
# colours together, with `eps` added to the variance. Return the normalised patches, the means (b, n, 1), and what you
# divided by (b, n, 1).
#
# <details><summary>Hint</summary>
#
# `mean` and `var` over the last axis with `keepdim=True`; the root comes last.
#
# </details>


# %%
def normalize_patches(patches, eps=1e-6):
    ### BEGIN SOLUTION
    mean = patches.mean(dim=-1, keepdim=True)
    std = (patches.var(dim=-1, keepdim=True) + eps).sqrt()
    return (patches - mean) / std, mean, std
    ### END SOLUTION


check.normalize_patches(normalize_patches)

# %% [markdown]
# ### What it does to the loss
#
# **Predict**: a model that knows nothing paints 0 everywhere. What is its norm-pix loss, on any photo? And which share
# of it comes from the quarter of patches with the most contrast?

# %%
normalised, _, _ = ml.normalize_patches(targets)
nothing = torch.zeros_like(targets)
print(f"norm-pix loss of zeros: {ml.mae_loss(nothing, targets, masks, norm_pix_loss=True):.4f}")
print("from faint to strong:", share_of_quarters((nothing - normalised).square().mean(dim=-1)))

# %% [markdown]
# **Explain.** Nearly 1, whatever the photo: a normalised patch has a variance of 1, and that is the error of saying
# nothing. So read a norm-pix loss as a share: 0.9 means that a tenth of the structure was told. It cannot be compared
# with a loss in pixels. And each patch weighs the same.
#
# What the paper reports (ViT-L, ImageNet, accuracy in percent; Table 1d): pixels 84.9 fine-tuned and 73.5 with a linear
# probe, norm-pix 85.4 and 73.9, tokens of a dVAE 85.3 and 71.6. A small gain, which came back at each model size and on
# two other tasks (Table 7). The paper's best results use norm-pix (Table 3), its ablations plain pixels (Table 1).

# %% [markdown]
# ## Three ways to show a norm-pix prediction
#
# A sibling of our model, same size, trained on norm-pix targets.
#
# **Predict**: put its prediction on the screen just like that of the raw model. Will it be grey? What will be missing?

# %%
norm = ml.load_model("mae-lite-nano-normpix")
pred_norm = norm(cat, mask).pred
target, mean, std = ml.normalize_patches(patches)


def picture(patches):
    return ml.to_uint8(ml.unpatchify(patches, 8, (14, 14)), raw.cfg)[0]


# %%
shown = {"original": patches, "its norm-pix target": target, "norm-pix model, as it is": pred_norm, "raw model": pred}
show_pictures(
    {name: picture(one) for name, one in shown.items()},
    alt="The photo; its norm-pix target, without light and shade and with glaring colours in each patch; the "
    "prediction of that target; the raw model's output, in the light and colours of the photo.",
)

# %%
colour = patches.unflatten(2, (64, 3)).mean(dim=2).var(dim=2, correction=0) / patches.var(dim=2, correction=0)
print(f"share of colour alone in the variance of a typical patch of this photo: {colour.median():.0%}")

# %% [markdown]
# **Explain.** The light is gone: all patches of the target are equally bright. Colour is not gone, for mean and
# deviation are those of the three channels together. Where a patch has little structure, colour is most of what varies
# in it, and divided by its small deviation it becomes glaring. Nothing is broken. The second picture is what the model
# was asked for.
#
# ## A reader's question: why are the colours off?
#
# > I use one checkpoint and get the pictures of the paper; with the other the results look worse. What is the
# > difference? (Asked as [mae, issue 12](https://github.com/facebookresearch/mae/issues/12), and again after training
# > with norm-pix in [issue 174](https://github.com/facebookresearch/mae/issues/174).)
#
# Same code, same shapes, same number of weights. **Predict** where the difference is written down in the official
# files.

# %%
for name, model in {"raw": raw, "norm-pix": norm}.items():
    size = sum(p.numel() for p in model.parameters())
    print(f"{name:8} {size:,} weights, norm_pix_loss = {model.cfg.norm_pix_loss}")

# %% [markdown]
# **Explain.** Here a field of the configuration says it, and travels with the weights. The official files hold weights
# only: `mae_visualize_...` are raw, `mae_pretrain_..._full` are norm-pix, and the name is all there is to tell. Whoever
# shows one as the other gets wrong colours and no error.

# %% [markdown]
# ### With the true statistics: a leak
#
# The usual repair multiplies each patch by its deviation and adds its mean, **of the true patch**. For a hidden patch
# that is a part of the answer. The package can do it, and says so in the title of the picture:

# %%
leaked = ml.reconstruct(norm, cat, mask)
stamped = figures.stamp_leak(torch.tensor(leaked.output).permute(2, 0, 1))
show_pictures(
    {"raw model": picture(pred), leaked.titles["output"]: stamped, "original": picture(patches)},
    alt="The raw model's output; the norm-pix model's with the true mean and deviation of each patch, in the light of "
    "the photo and marked as a leak; the photo.",
)

# %%
print(f"leaks: {leaked.leaks}, norm-pix loss {leaked.mse:.3f} (1 would mean that nothing was told)")

# %% [markdown]
# How much of this is the model's work? Throw the model away: predict 0 for each pixel, and use the true statistics.
# **Predict** what will be in the picture.

# %%
zeros = torch.zeros_like(patches)
leaky = ml.denormalize_patches(zeros, mean, std)
shown = {
    "zeros": picture(zeros),
    "zeros, true statistics": figures.stamp_leak(picture(leaky)),
    "original": picture(patches),
}
show_pictures(shown, alt="A grey square; a mosaic of the true mean of each patch, marked as a leak; the photo.")


# %%
def mse(guess):
    return (guess - patches)[mask].square().mean()


print(f"zeros with the true statistics {mse(leaky):.3f}, zeros {mse(zeros):.3f}, the trained raw model {mse(pred):.3f}")
print(f"numbers taken from hidden patches: {2 * mask.sum()}")

# %% [markdown]
# **Explain.** A thumbnail of the photo, without any model: the mean of each hidden patch is enough for a cat. The true
# deviation has not even come into play, since there was nothing to multiply.
#
# > **Bug museum: leaky de-normalisation.** A user hid all patches but one and got a bird back, shape and yellow
# > feathers ([MAE-pytorch, issue 46](https://github.com/pengzhiliang/MAE-pytorch/issues/46)). The demo had used the
# > true statistics ([issue 40](https://github.com/pengzhiliang/MAE-pytorch/issues/40)). The same question came up for
# > [VideoMAE](https://github.com/MCG-NJU/VideoMAE/issues/25). A picture made so has to say so.
#
# ### From what is visible
#
# An honest picture may only use what the model was given. The mean and the deviation of the *visible* patches are
# known; those of the hidden ones can be guessed from their neighbours.
#
# ### Exercise 3: guess the statistics of hidden patches
#
# > **Difficulty** 4 of 5 · **Time** 20 minutes
#
# For `patches` (b, n, patch_dim) of photos, a `mask` (b, n), True = hidden, and `grid_size` (rows, columns), guess mean
# and deviation of each hidden patch, (b, n, 1) both, without a look at hidden pixels. The check takes 19 photos and
# compares with a constant, the mean over the visible patches of a photo: be clearly better for both.
#
# <details><summary>Hint 1</summary>
#
# The means are a small picture, one pixel for each patch, with holes. `ml.nearest_fill` and `ml.harmonic_fill` fill the
# holes of pictures (b, c, h, w), given what is hidden as (b, 1, h, w).
#
# </details>
# <details><summary>Hint 2</summary>
#
# Neighbours agree about brightness more than about contrast. One neighbour is a poor guess for the deviation; use
# several. The soap film of `ml.harmonic_fill` does.
#
# </details>


# %%
def visible_statistics(patches, mask, grid_size):
    _, mean, std = ml.normalize_patches(patches)
    ### BEGIN SOLUTION
    grid = torch.cat([mean, std], dim=2).transpose(1, 2).unflatten(2, grid_size)  # (b, 2, rows, columns)
    filled = ml.harmonic_fill(grid, mask.unflatten(1, grid_size)[:, None])
    mean, std = filled.flatten(2).transpose(1, 2).split(1, dim=2)
    return mean, std
    ### END SOLUTION


check.visible_statistics(visible_statistics)

# %% [markdown]
# ## The three side by side
#
# All three ways from the same prediction, beside the raw model:


# %%
def spread(values, mask):
    """Values of visible patches (b, n, 1), and what a soap film through them says for the hidden ones."""
    film = ml.harmonic_fill(values.reshape(len(mask), 1, 14, 14), mask.reshape(-1, 1, 14, 14))
    return film.reshape(values.shape)


# %%
def three_ways(pred, patches, mask):
    _, mean, std = ml.normalize_patches(patches)
    return {
        "as it is": pred,
        "true statistics": ml.denormalize_patches(pred, mean, std),
        "visible statistics": ml.denormalize_patches(pred, spread(mean, mask), spread(std, mask)),
    }


# %% [markdown]
# **Predict**: at the far right, one patch of 196 is visible. Which of the pictures can be right about anything there?
# Which one gives itself away? Then move the slider, by mouse or arrow keys.

# %%
ratios = (0.3, 0.5, 0.65, 0.75, 0.85, 0.9, 0.95, 0.995)
hidden = torch.cat([ml.random_mask(196, ratio, seed=0) for ratio in ratios])  # nested: more and more of the same order
views = [{"raw model": raw(cat, row).pred} | three_ways(norm(cat, row).pred, patches, row) for row in hidden.split(1)]
figures.views_flipbook(cat, hidden, views, raw.cfg, leaks=["true statistics"])

# %% [markdown]
# **Explain.** Each honest picture falls apart when there is nothing left to go by. The leaky one does not: with a
# single patch visible it still shows a cat. That is the test: *a picture that stays good when everything is hidden was
# not made from what is visible.*
#
# Now in numbers, over all bundled photos. The error of a patch has two parts: the squared error of its mean
# (**brightness**), and the rest (**structure**).
#
# **Predict**: which of the two parts does the leak buy? And does it beat the raw model?


# %%
def parts(guess):
    off = (guess - targets)[masks]  # (hidden patches of all photos, patch_dim)
    brightness = off.mean(dim=1).square().mean()
    return brightness.item(), (off.square().mean() - brightness).item()


# %%
ways, empty = three_ways(norm(photos, masks).pred, targets, masks), three_ways(nothing, targets, masks)
bars = {
    "raw model": parts(raw(photos, masks).pred),
    "norm-pix, visible statistics": parts(ways["visible statistics"]),
    "norm-pix, true statistics": parts(ways["true statistics"]),
    "zeros, visible statistics": parts(empty["visible statistics"]),
    "zeros, true statistics": parts(empty["true statistics"]),
    "norm-pix, as it is": parts(ways["as it is"]),
}
figures.show_error_parts(bars, leaks=["norm-pix, true statistics", "zeros, true statistics"])

# %%
honest, leaky = bars["norm-pix, visible statistics"], bars["norm-pix, true statistics"]
print(f"bought by the leak: {1 - sum(leaky) / sum(honest):.0%} of the honest error,")
print(f"of which brightness {(honest[0] - leaky[0]) / (sum(honest) - sum(leaky)):.0%}")

# %% [markdown]
# **Explain.** Compare the two pairs that differ in the leak alone. It strikes out the orange part, the brightness that
# no norm-pix model was ever asked for. A raw model has to earn that. So do not compare a leaky picture, or its error,
# with those of a raw model: it was handed a part of the answer.

# %% [markdown]
# ## Who made this picture?
#
# Nine of ten patches of a photo were hidden, and four programs showed what a checkpoint predicts. One did not tell you
# that it used the true statistics of hidden patches.

# %%
pagoda = ml.load_image(ml.asset_path("photos", "pagoda.jpg"), raw)
sparse = ml.random_mask(196, mask_ratio=0.9, seed=0)
show_pictures(
    figures.suspects(raw, norm, pagoda, sparse) | {"(original)": picture(ml.patchify(pagoda, 8))},
    alt="A: the tower can be recognised, tile by tile. B: noise, the same everywhere. C: glaring colours without light "
    "and shade. D: soft light and shade in the photo's colours. Then the photo.",
)

# %% [markdown]
# ### Exercise 4: which checkpoint?
#
# > **Difficulty** 2 of 5 · **Time** 5 minutes
#
# For A, B, C and D in this order, one each of `"raw"` (a raw-pixel model), `"norm-pix"` (a norm-pix model shown as it
# is), `"leak"` (a norm-pix model shown with true statistics) and `"no decoder"` (an encoder-only file, loaded without
# complaint into a model whose decoder stays random). A list of four words.
#
# <details><summary>Hint</summary>
#
# With 20 patches visible, who could know the brightness of each of the others? Who was never asked for brightness? Who
# was never trained?
#
# </details>

# %%
answer = ["leak", "no decoder", "norm-pix", "raw"]  # SOLUTION
check.which_checkpoint(answer)

# %% [markdown]
# ## The same as the package
#
# What you built in this notebook is what `mae_lite` trains with. If one of the two is ever changed, this cell fails.

# %%
off = targets - targets.mean(dim=-1, keepdim=True)
std = (off.square().sum(dim=-1, keepdim=True) / (192 - 1) + 1e-6).sqrt()
torch.testing.assert_close((off / std, std), ml.normalize_patches(targets)[::2], rtol=1e-4, atol=1e-5)
out = norm(photos, masks)
per_patch = (out.pred - off / std).square().mean(dim=-1)
torch.testing.assert_close(per_patch[masks].mean(), out.loss, rtol=1e-4, atol=1e-5)
torch.testing.assert_close(out.loss, ml.mae_loss(out.pred, targets, masks, norm_pix_loss=True))
print("the masked mean and norm-pix are the package's")

# %% [markdown]
# ## Key takeaways
# - The loss is the mean squared error over hidden patches. Visible ones carry none, so what is painted there means
#   nothing.
# - Squared error makes a model paint the mean of what it thinks possible. Blur is where it does not know.
# - In pixels the patches of strong contrast are most of the loss. Norm-pix gives each patch the same weight and drops
#   its brightness and contrast.
# - A norm-pix prediction is not a picture. Shown with the true statistics it leaks, and looks better than it is.
# - Whatever picture you are shown, ask what it was made from. Hide everything, and an honest one falls apart.
#
# ## Quiz
# **1.** The training loss is 0.4 for one model and 0.6 for another. Which one is better?
# <details><summary>Answer</summary>
#
# One cannot say before one knows what was measured: raw pixels or norm-pix, which data, which mask. A norm-pix loss of
# 0.6 says that 40 % of the structure is told; a raw loss depends on how much contrast the photos have.
#
# </details>
#
# **2.** A colleague adds a loss on visible patches, and the raw output looks much better. What was gained?
# <details><summary>Answer</summary>
#
# Looks, on patches that could be pasted over anyway. The hidden patches were not helped, and the paper saw slightly
# lower accuracy (footnote 1).
#
# </details>
#
# **3.** Why does a sky come out as full-contrast noise in an eps-less norm-pix target, and not with eps?
# <details><summary>Answer</summary>
#
# Divided by its own tiny deviation, the noise of a flat patch becomes as large as the structure of any other. With eps
# under the root one divides by at least a thousandth, and nearly flat patches stay nearly flat.
#
# </details>
#
# ## To discuss
# 1. Lower loss, better pictures, better features: which of these did the paper find to go together? (Think of block and
#    grid masks, Table 1f.)
# 2. Norm-pix drops brightness, which a classifier seldom needs. What else could be dropped from the target? What would
#    be lost?
# 3. Would you accept a figure made with true statistics in a paper, if the caption says so? For which claim?
# 4. A GAN loss gives sharp pictures. Does the model then know more about the hidden part?
#
# ## Further reading
# - He et al. 2021: *Masked Autoencoders Are Scalable Vision Learners*,
#   [arXiv 2111.06377](https://arxiv.org/abs/2111.06377). Section 3, "Reconstruction target"; Tables 1d and 7.
# - Xie et al. 2021: *SimMIM*, [arXiv 2111.09886](https://arxiv.org/abs/2111.09886). The same idea with absolute errors
#   on raw pixels.
# - Balestriero and LeCun 2024: *Learning by Reconstruction Produces Uninformative Features For Perception*,
#   [arXiv 2402.11337](https://arxiv.org/abs/2402.11337). What squared error on pixels spends a model's effort on.
#
# {navigation}
