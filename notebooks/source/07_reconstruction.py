# %% [markdown]
# # 07 Reconstruction lab
#
# Hide patches of a photo, and a masked autoencoder paints what it cannot see. This one is trained; here you experiment
# on it. Run the cell below (Shift+Enter), then drag *Hidden*, roll the die, paint on the left picture, bring a photo.
#
# **You will be able to**
# - put a question to a trained model as an experiment, with a prediction, a yardstick and a control;
# - tell what a patch costs when it is hidden from what it tells when it is seen;
# - say when to trust a reconstruction, and when a soap film does better.
#
# **Time** 30 minutes to read and run, 45 more with the four exercises. **Needs** nothing for the playground, some
# PyTorch for the rest. No GPU.
#
# {navigation}

# %%
from mae_lite.widgets import playground

playground()

# %% [markdown]
# ## Touch it first
#
# Choose the astronaut, the second photo. **Predict** before you try each in the playground; a word is enough.
# 1. Drag *Hidden* slowly to the right. Where do *you* lose the face, and is that before or after the model does?
# 2. Go one patch at a time (click the slider, then arrow keys). Can a patch that was hidden come back as you go right?
# 3. Press *Clear*, then paint over the face and nothing else. What will the model put there?
# 4. *Undo* until *Random* is back and hide as many patches here and there. Better or worse?
#
# Then run the next cells. They show the same and work without a kernel.

# %%
import json
import os

import torch

import mae_lite as ml
from mae_course.exercises import reconstruction as check
from mae_course.exercises.searches import best_alone, greedy_patches
from mae_course.figures.reconstruction import show_grid, show_psnr_by_visible
from mae_lite.measure.cost import format_speeds, measure_speed
from mae_lite.measure.evaluate import masked_errors
from mae_lite.measure.sweeps import compare_models, guess, predict_unseen, ratio_sweep, ten_guesses
from mae_lite.show.figures import show_comparison
from mae_lite.show.sweeps import show_guesses, show_unseen, sweep_flipbook
from mae_lite.weights.checkpoints import DEFAULT_MODEL

_ = torch.set_grad_enabled(False)  # nothing is trained here
FAST = bool(os.environ.get("MAE_LITE_FAST"))  # fewer repeats, for the tests

# %%
model = ml.load_model()
photos = {path.stem: ml.load_image(path, model) for path in ml.list_photos()}
sweep_flipbook(ratio_sweep(model, photos["astronaut"]))

# %%
face = torch.zeros(14, 14)
face[0:5, 4:9] = 1  # rows 0 to 4, columns 4 to 8; 1 means hidden
masks = {"the face": ml.mask_from_grid(face), "as many, here and there": ml.random_mask(196, 25 / 196, seed=0)}
show_comparison({name: ml.reconstruct(model, photos["astronaut"], mask) for name, mask in masks.items()})

# %% [markdown]
# **Explain.**
# 1. The model loses fine things long before large ones: it keeps the colour and the rough shape of the suit for as
#    long as a few of its patches are seen.
# 2. No. One seed ranks all patches once, and the slider moves the cut. Any change comes from what was hidden in
#    addition.
# 3. Colours that continue the rim of the hole, and nothing of *her*. The middle is far from anything visible, and in
#    training the model met patches hidden here and there, hardly ever a hole in one piece.
# 4. Far better, with the same number of patches. So *how many* is not the whole question; *which* is the rest of it.
#
# ### The numbers under the pictures
# - **MSE** is the training loss: squared error on hidden patches, in normalised pixels ([notebook
#   05](05_loss_and_pictures.ipynb)). **PSNR** says much the same on a log scale; higher is better.
# - **Skill** is the yardstick. It compares with a **harmonic fill**, a soap film held by the visible pixels, which
#   knows nothing about the world ([notebook 03](03_what_to_hide.ipynb)): 1 is perfect, 0 no better than the film, below
#   0 worse.
#
# And this is what they are about:

# %%
print(f"{DEFAULT_MODEL}: {sum(p.numel() for p in model.parameters()):,} weights")
print(f"trained on images of {model.cfg.img_size} with {model.cfg.mask_ratio:.0%} hidden, drawn at random each time")

# %% [markdown]
# ## Another mask, another picture
#
# > **A reader's question: why does a second run give another result?** The same photo went through the model twice, in
# > evaluation mode, and came out different ([transformers, issue
# > 20328](https://github.com/huggingface/transformers/issues/20328)). Is it broken?
#
# **Predict** what makes more of a difference to the error: another mask on the same photo, or another photo under the
# same mask?

# %%
guesses = {name: ten_guesses(model, photo) for name, photo in photos.items()}  # ten masks, the same for all photos


def error_by_mask(found):
    """The error of each guess, on what its mask hides."""
    off = (found.preds - found.patches).square().mean(dim=2)
    return (off * found.masks).sum(dim=1) / found.masks.sum(dim=1)


# %%
errors = torch.stack([error_by_mask(found) for found in guesses.values()])  # (photos, masks)
again = ten_guesses(model, photos["coffee"]).preds - guesses["coffee"].preds
print(f"same photo, same mask, run twice: largest difference {again.abs().max():.6f}")
print(f"same photo, ten masks:  error {errors.mean():.3f} give or take {errors.std(dim=1).mean():.3f}")
print(f"same mask, {len(photos)} photos:   error {errors.mean():.3f} give or take {errors.std(dim=0).mean():.3f}")

# %% [markdown]
# **Explain.** The model draws nothing at random. That other implementation draws a new mask inside, at every call, also
# for evaluation; here the mask is an argument, and the result is fixed. A mask makes some difference, a photo much
# more. So never compare two models on different photos, and not by one picture either: same photos, same masks, several
# of both. That is the **control** in all that follows.

# %% [markdown]
# ## Does it know where it is wrong?
#
# Ten masks are ten answers for each patch. Where they disagree, the model goes by whatever it happens to see. To know
# that, one needs no look at the truth. **Predict**: does the disagreement tell where the error is? Better than the
# plain contrast of a patch, which *does* need the truth?

# %%
show_guesses(guesses["coffee"])

# %%
from_truth, from_guesses = [], []


def rank_correlation(a, b):
    ranks = torch.stack([a, b]).argsort(dim=1).argsort(dim=1).float()
    return torch.corrcoef(ranks)[0, 1].item()


for found in guesses.values():
    known = found.spread.isfinite()  # hidden at least twice
    from_guesses.append(rank_correlation(found.spread[known], found.error[known]))
    from_truth.append(rank_correlation(found.patches.std(dim=1)[known], found.error[known]))

# %%
for name, values in {"disagreement": from_guesses, "contrast": from_truth}.items():
    low, middle, high = torch.tensor(values).quantile(torch.tensor([0.0, 0.5, 1.0])).tolist()
    print(f"error and {name:12}: rank correlation {middle:.2f}, from {low:.2f} to {high:.2f} on single photos")

# %% [markdown]
# **Explain.** 1 would be the same order of patches, 0 none at all. The disagreement is a fair map of the error, on the
# middle one of the photos a better one than the contrast, and it comes from the visible patches alone. Use it whenever
# there is no truth to compare with: if ten masks paint ten different things, do not believe any of them.

# %% [markdown]
# ## Hide the thing, or hide the background
#
# What costs more to hide, the fig or as much of the plate and the ground?

# %%
show_grid(ml.to_uint8(photos["fig"], model.cfg)[0], patch_size=8)

# %% [markdown]
# ### Exercise 1: the same hole, twice
#
# > **Difficulty** 2 of 5 · **Time** 10 minutes
#
# Write down by which factor the fig will cost more, or less. Then make two masks with `ml.mask_from_grid`: one over the
# fig, and **the same hole**, moved to where no fig is. Return both and the factor, the MSE of the first divided by that
# of the second. `ml.reconstruct(model, image, mask).mse` measures one.
#
# <details><summary>Hint 1</summary>
#
# `grid = torch.zeros(14, 14)`, then `grid[rows, columns] = 1` with slices, as for the face above.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Rows 5 to 10 and columns 6 to 10 hold the fig without its stalk. Left of it is room for the same rectangle.
#
# </details>


# %%
def object_or_background(model, image):
    ### BEGIN SOLUTION
    fig, elsewhere = torch.zeros(14, 14), torch.zeros(14, 14)
    fig[5:11, 6:11] = 1  # 6 x 5 patches
    elsewhere[5:11, 0:5] = 1  # the same rectangle
    masks = [ml.mask_from_grid(grid) for grid in (fig, elsewhere)]
    errors = [ml.reconstruct(model, image, mask).mse for mask in masks]
    return *masks, errors[0] / errors[1]
    ### END SOLUTION


check.object_or_background(object_or_background)

# %% [markdown]
# Why the same *shape*? Because of what you saw at the start: scattered patches lie near something visible, and are
# cheap for that alone. Two holes that differ in one thing only make an experiment.

# %% [markdown]
# ## Which patches tell the most?
#
# Now from the other side: everything is hidden, and ten patches may be shown. Every second patch of every second row is
# on offer, 49 in all. **Predict** the order of four ways to choose, by how well the rest is painted: at random, the ten
# with the most contrast, the ten that are best when each is shown *alone*, and one after the other, each time the one
# that helps most **beside those already shown** (that is called *greedy*).

# %%
candidates = torch.arange(196).reshape(14, 14)[::2, ::2].flatten().tolist()
flower = photos["dahlia"]
contrast = ml.patchify(flower, 8)[0].std(dim=1)
ways = {
    "random": [candidates[k] for k in torch.randperm(49, generator=torch.Generator().manual_seed(0))[:10]],
    "most contrast": sorted(candidates, key=lambda patch: -contrast[patch])[:10],
    "best alone": best_alone(model, flower, candidates),
    "greedy": greedy_patches(model, flower, candidates),
}

# %%
shown = {}
for name, patches in ways.items():
    mask = torch.ones(1, 196, dtype=torch.bool)
    mask[0, patches] = False
    shown[name] = ml.reconstruct(model, flower, mask)
show_comparison(shown)

# %% [markdown]
# **Explain.** Greedy first, then chance; the ten best alone and the ten of most contrast do worse than chance. Look at
# *where* the ten lie. The patch that tells most alone has the colour of most of the picture, and
# so have the next nine: together they say one thing ten times. Contrast picks what is hard to guess and says little
# about anything else. The greedy choice asks what is still missing, and spreads out: the flower, its rim, what lies
# around it. What a patch tells is no property of the patch. It depends on what has been told.
#
# Many choices can be tried at once. As long as they show equally many patches, they are one batch:


# %%
def errors_when_shown(model, image, shown):
    """For each row of patch numbers in `shown` (b, k): the error added up over all other patches."""
    masks = torch.ones(len(shown), model.num_patches, dtype=torch.bool).scatter(1, shown, False)
    found = guess(model, image, masks)  # one batch
    return ((found.preds - found.patches).square().mean(dim=2) * masks).sum(dim=1)


# %% [markdown]
# ### Exercise 2: the ten that tell the most
#
# > **Difficulty** 3 of 5 · **Time** 15 minutes
#
# Write the greedy search. Start with nothing shown; ten times, try each candidate beside those already chosen, and keep
# the one with the smallest error. Return the ten patch numbers. The check compares with 100 random choices; be below
# all of them, and well below their mean. Use `errors_when_shown`.
#
# <details><summary>Hint 1</summary>
#
# `left = [patch for patch in candidates if patch not in chosen]`. The tries of one step are
# `[[*chosen, patch] for patch in left]`, all of one length, so they make a tensor.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `errors.argmin()` is a place in `left`, not a patch number.
#
# </details>


# %%
def ten_best(model, image, candidates):
    ### BEGIN SOLUTION
    chosen = []
    for _ in range(10):
        left = [patch for patch in candidates if patch not in chosen]
        errors = errors_when_shown(model, image, torch.tensor([[*chosen, patch] for patch in left]))
        chosen.append(left[errors.argmin()])
    return chosen
    ### END SOLUTION


check.ten_best(ten_best)

# %% [markdown]
# ## How few are enough?
#
# Back to random masks. With one seed they are nested: every mask shows what the one before showed, and one patch more.
# **Predict**: can the PSNR go *down* when one more patch is shown?


# %%
def psnr_with(visible, seed):
    mask = ml.random_mask(196, mask_ratio=1 - visible / 196, seed=seed)
    return ml.reconstruct(model, photos["mountains"], mask).psnr


curves = {f"seed {seed}": [psnr_with(visible, seed) for visible in range(1, 31)] for seed in (0, 1)}
show_psnr_by_visible(curves, target=17)

# %% [markdown]
# **Explain.** It can, and often does, for two reasons. The model is no perfect reasoner: one more clue can mislead it.
# And the PSNR is over hidden patches, so a patch that is easy to guess leaves the average when it is shown. The trend
# is upwards all the same.
#
# ### Exercise 3: the fewest
#
# > **Difficulty** 2 of 5 · **Time** 10 minutes
#
# Find the smallest number of visible patches with a PSNR of at least `target`, with `ml.random_mask(196, ...)` of seed
# 0. A binary search needs eight tries. May you use it?
#
# <details><summary>Hint 1</summary>
#
# A binary search throws away half of the counts after each try. When is that safe? Look at the curves again.
#
# </details>
# <details><summary>Hint 2</summary>
#
# With `visible` patches shown the mask ratio is `1 - visible / 196`.
#
# </details>


# %%
def fewest_visible(model, image, target):
    ### BEGIN SOLUTION
    for visible in range(1, 196):
        mask = ml.random_mask(196, mask_ratio=1 - visible / 196, seed=0)
        if ml.reconstruct(model, image, mask).psnr >= target:
            return visible
    ### END SOLUTION


check.fewest_visible(fewest_visible)

# %% [markdown]
# ## What does it know about the world?
#
# The soap film does not care if you mirror a photo, turn it, or make a negative: its error stays the same, exactly. So
# whatever changes for the *model* is something it learned about photos. Mirrored ones it met in training, as often as
# not, so the mirror is our control. **Predict** which of the other three hurts most, and whether it hurts more with
# three quarters hidden or with nearly all.


# %%
def changed(imgs, mask):
    """Photos and their masks, changed together."""
    grid, (mean, std) = mask.unflatten(1, (14, 14)), (model.cfg.mean, model.cfg.std)
    black_plus_white = torch.tensor([(1 - 2 * m) / s for m, s in zip(mean, std, strict=True)])[:, None, None]
    return {
        "as it is": (imgs, mask),
        "mirrored": (imgs.flip(3), grid.flip(2).flatten(1)),
        "upside down": (imgs.flip(2), grid.flip(1).flatten(1)),
        "on its side": (imgs.transpose(2, 3), grid.transpose(1, 2).flatten(1)),
        "negative": (black_plus_white - imgs, mask),
    }


# %%
everything, device = torch.cat(list(photos.values())), ml.pick_device()
found = {}
for ratio in (0.75, 0.95):
    for seed in range(1 if FAST else 4):
        mask = ml.random_mask(196, ratio, batch_size=len(photos), seed=seed)
        for name, (imgs, hidden) in changed(everything, mask).items():
            loss = model(imgs.to(device), hidden.to(device)).loss.item()
            found.setdefault(name, {}).setdefault(ratio, []).append(loss)

# %%
for name, errors in found.items():
    usual = {ratio: sum(found["as it is"][ratio]) for ratio in errors}
    more = [f"{ratio:.0%} hidden {sum(each) / usual[ratio] - 1:+6.1%}" for ratio, each in errors.items()]
    print(f"{name:12}", "   ".join(more))

# %% [markdown]
# **Explain.** The mirror's row shows how far such numbers move for no reason. What stands out from it the model has
# learned: that photos have an up and a down, that dark is not the same as bright. At 75 % it hardly matters, since
# neighbours tell enough; with nearly everything hidden there is less else to go by, and a photo on its side or a
# negative costs most. Still, the amounts are small. Most
# of what a model of this size does would work in any direction and under any light.

# %% [markdown]
# ## What does not belong?
#
# Hide every patch once and compare it with what its surroundings make one expect: four masks, so that each patch is
# seen in one and hidden in three. We put a bit of sky into the grass. It is smooth, so contrast will not give it away.
# **Predict**: will the map find it? And would the soap film?


# %%
def with_piece(host, piece):
    odd = host.clone()
    odd[..., 80:96, 24:40] = piece  # 2 x 2 patches: rows 10 and 11, columns 3 and 4
    return odd


sky, grass = photos["meadow"][..., 0:16, 72:88], photos["meadow"][..., 88:104, 24:40]
show_unseen(predict_unseen(model, with_piece(photos["meadow"], sky)))


# %%
def film_error(found, image):
    """The same map for the soap film: each patch from the masks that hide it."""
    hidden = ml.pixel_mask(found.masks, model.cfg.grid_size, 8)
    film = ml.patchify(ml.harmonic_fill(image.expand(len(hidden), -1, -1, -1), hidden), 8)
    mean = (film * found.masks[..., None]).sum(dim=0) / found.times[:, None]
    return (mean - found.patches).square().mean(dim=1)


def places(score):
    """How many of the other patches look odder than those of the piece, on average."""
    piece = torch.zeros(14, 14, dtype=torch.bool)
    piece[10:12, 3:5] = True
    inside, outside = score[piece.flatten()], score[~piece.flatten()]
    return (outside > inside[:, None]).float().sum(dim=1).mean()


# %%
for name, piece in {"sky": sky, "grass": grass}.items():
    rows = []
    for host in list(photos.values())[:: 5 if FAST else 1]:
        odd = with_piece(host, piece)
        found = predict_unseen(model, odd)
        rows.append([places(found.error), places(film_error(found, odd)), places(found.patches.std(dim=1))])
    by_model, by_film, by_contrast = torch.tensor(rows).mean(dim=0).tolist()
    print(f"{name}: of 192 patches {by_model:.0f} look odder to the model, {by_film:.0f} to the film,")
    print(f"    and {by_contrast:.0f} have more contrast, on average over {len(rows)} photos")

# %% [markdown]
# **Explain.** The map finds the sky, and it is tempting to say that the model *understands* that sky is no part of a
# meadow. Then look at the yardstick: the film finds it about as well, since smooth colours that do not fit their
# surroundings are all it takes. The bit of grass, which has a common colour, is found much less, while leaves and fur
# look odd everywhere. A map of errors shows what the surroundings do not tell, and fine texture is the most common
# case.

# %% [markdown]
# ## Where the soap film wins
#
# On most of the bundled photos the model beats the film at 75 %. But it learned from photos, and its advantage
# ends where they end.
#
# ### Exercise 4: beat the model
#
# > **Difficulty** 4 of 5 · **Time** 15 minutes
#
# Make a picture (3, height, width), values from 0 to 1, with some contrast, on which the film's squared error is at
# least a fifth below the model's. You are the adversary; the check tries three masks.
#
# <details><summary>Hint 1</summary>
#
# The film is best where every pixel is the mean of its neighbours: on smooth slopes. But a smooth grey slope looks like
# a sky or a wall, and those the model knows. (Noise does not help: there both are lost.)
#
# </details>
# <details><summary>Hint 2</summary>
#
# In photos the three colours grow brighter and darker together. What if red rises where green falls?
#
# </details>


# %%
def beat_the_model(height, width):
    ### BEGIN SOLUTION
    wave = 0.5 + 0.5 * torch.cos(torch.pi * torch.linspace(0, 1, width)).expand(height, -1)
    return torch.stack([wave, 1 - wave, wave])  # from magenta to green, as bright in the middle as at the sides
    ### END SOLUTION


check.beat_the_model(beat_the_model)

# %% [markdown]
# Such a picture says what a model takes for granted. A yardstick that knows nothing cannot be fooled.

# %% [markdown]
# ## Two models under one mask
#
# All bundled models that paint pixels, with the same photo and the same mask. **Predict**: does the larger one have
# sharper edges here? And is one picture enough to say which is better?

# %%
names = [info.name for info in ml.list_models() if info.where == "bundled" and info.target == "raw"]
models = {name: ml.load_model(name) for name in names}
mask = ml.random_mask(196, mask_ratio=0.75, seed=1)
show_comparison(compare_models(models, ml.asset_path("photos", "coffee.jpg"), mask))

# %%
for name, one in models.items():
    found = masked_errors(one, torch.cat([ml.load_image(path, one) for path in ml.list_photos()]), mask_ratio=0.75)
    wins = (found["model"] < found["harmonic"]).sum()
    skill = 1 - found["model"].mean() / found["harmonic"].mean()
    print(f"{name}: {sum(p.numel() for p in one.parameters()):,} weights, skill {skill:+.3f} over all photos,")
    print(f"    ahead of the film on {wins} of {len(found['model'])}")
    record = json.loads(ml.asset_path("results", f"evaluate-{name}.json").read_text())
    mse = [record["table"]["model"][key] for key in ("mse", "mse_low", "mse_high")]
    print("    on {:,} validation images: MSE {:.3f} ({:.3f} to {:.3f})".format(record["images"], *mse))

# %% [markdown]
# **Explain.** Mini has the smaller error on the coffee, but hardly an edge is sharper, and one picture decides nothing.
# Over the bundled photos, with the same masks for both, the two are even. Over thousands of validation images (from the
# records beside the weights) mini is ahead by about a hundredth, and the intervals touch. Half as many weights again
# and a longer training bought that little; mini is the default for being behind nowhere. The `Model` menu of the
# playground switches between the two at one mask.

# %% [markdown]
# ## Bigger models, and a GPU
#
# The paper's models are larger: base, large and huge. How fast would they be *here*? Speed does not depend on what
# weights say, so random ones will do and nothing is downloaded. **Predict**: base has nearly thirty times the weights
# of nano. Is it thirty times slower?

# %%
if ml.pick_device().type == "cuda":
    sizes = list(ml.PRESETS)  # 256 images at once, in bfloat16
else:
    sizes = ["nano", "mini", "tiny"] if FAST else ["nano", "mini", "tiny", "base"]  # one image at a time
print(format_speeds(measure_speed(name, ml.PRESETS[name], seconds=0.5) for name in sizes))

# %% [markdown]
# **Explain.** It need not be. The *work* follows weights times tokens; the *time* has a part that does not, since small
# models wait between one small step and the next. A GPU gets many images at once to fill it, and still has the more of
# such waiting the smaller the model. The column *GB* is the peak of the memory on a GPU; on a CPU it is that of the
# weights alone. [Notebook 04](04_encoder_decoder.ipynb) takes the cost apart.
#
# ### The official weights, on request
#
# Nothing in this notebook is downloaded. If you want to see what the paper's models paint, one line does it, in a cell
# of your own:
#
# ```python
# model = ml.load_model("mae_visualize_vit_base")  # 448 MB, once; after that it is on this disk
# ```
#
# Then run any experiment of this notebook again (photos have to be loaded anew, `ml.load_image(path, model)`, as it
# takes larger ones). The playground's menu has them too, and says size and licence before it fetches anything. **These
# weights are Meta's, under CC-BY-NC 4.0: not for commercial use.** The ones that paint pixels:

# %%
for info in ml.list_models():
    if info.decoder and info.target == "raw":
        print(f"{info.name:33} {info.size_mb:5} MB  {info.where:9} {info.licence}")

# %% [markdown]
# ## Your own photo
#
# Put a path between the quotes, or use *Own photo* in the playground. The middle is cut out to fit, and nothing leaves
# this machine. Things worth trying: a page of text, a face, a brick wall, a plain sky. Before you run each, say what
# will be easy.

# %%
own = ""
photo = ml.load_image(own or ml.asset_path("photos", "nuthatch.jpg"), model)
ml.reconstruct(model, photo, ml.random_mask(196, mask_ratio=0.75, seed=0)).figure(("masked", "pasted", "error"))

# %% [markdown]
# ## Key takeaways
# - With photo and mask given, the result is fixed. Compare on the same photos and the same masks, several of both.
# - Ten masks give ten answers. Where they disagree, the model is likely to be wrong, and one knows it without the
#   truth.
# - Two holes are comparable if they differ in one thing. Area is not enough; shape counts.
# - What a patch tells depends on what has been told already. Choose one after the other.
# - A yardstick that knows nothing keeps claims honest. Much of what looks like understanding, a soap film does too.
#
# ## Quiz
# **1.** A map of errors is bright where somebody was copied into a photo. Does the model know about people?
# <details><summary>Answer</summary>
#
# One cannot say from the map alone. Any border that does not continue its surroundings is bright, and so is fine
# texture. Compare with the film's map, and with pieces that fit in colour.
#
# </details>
#
# **2.** Why are the ten patches that are best alone a poor team?
# <details><summary>Answer</summary>
#
# Each was chosen as if the others were not there. They tend to tell the same, the commonest colour, and leave the rest
# untold.
#
# </details>
#
# **3.** With 60 patches visible a photo has the PSNR you want, and with 59 it has not. Is 60 the fewest?
# <details><summary>Answer</summary>
#
# Not necessarily. PSNR goes up and down on the way; a smaller number may reach it too. One has to look at them all.
#
# </details>
#
# ## To discuss
# 1. Filling holes was never the goal of the paper, features were. Which of these experiments says something about
#    features?
# 2. A picture can be hidden patch by patch until one cannot tell what it is. Do you and the model lose it at the same
#    point? What would the difference mean?
# 3. The model was trained with three quarters hidden at random. Which of its weaknesses come from that, and what other
#    masks in training would mend them?
# 4. Disagreement under several masks costs several forward passes. Where would you pay for it?
#
# ## Further reading
# - He et al. 2021: *Masked Autoencoders Are Scalable Vision Learners*,
#   [arXiv 2111.06377](https://arxiv.org/abs/2111.06377). Figures 2 to 4 for reconstructions like these, section 4.1 for
#   ratio and sampling.
# - Bau et al. 2019: *Seeing What a GAN Cannot Generate*, [arXiv 1910.11626](https://arxiv.org/abs/1910.11626). The same
#   question put to another kind of model: what does it leave out?
# - Lakshminarayanan et al. 2017: *Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles*,
#   [arXiv 1612.01474](https://arxiv.org/abs/1612.01474). Disagreement as a measure of doubt.
#
# {navigation}
