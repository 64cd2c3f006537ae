# %% [markdown]
# # 03 How much and what to hide
#
# MAE hides three quarters of a photo before it looks at it. This notebook hides patches by hand, without losing track
# of any, and then measures why it has to be so many: how much of a hidden patch do its neighbours already tell?
#
# **You will be able to**
# - shuffle, keep and restore patches, and read a mask off the shuffle;
# - hide exactly as many patches as asked, on any grid;
# - tell random, block and grid masks apart by how hard they make the task;
# - measure what can be guessed without understanding anything, and what a trained network adds.
#
# **Time** 30 minutes to read and run, 45 more with the four exercises. **Needs** patches (notebook 02) and some
# PyTorch. No GPU.
#
# {navigation}

# %%
import tempfile

import torch

import mae_lite as ml
from mae_course.exercises import what_to_hide as check
from mae_course.figures import what_to_hide as figures
from mae_lite import masking
from mae_lite.measure import evaluate, linear_mae
from mae_lite.show.figures import show_comparison, show_pictures
from mae_lite.train import pretrain

_ = torch.set_grad_enabled(False)  # until the reader's question

# %% [markdown]
# ## Nine patches, three kept
#
# Take nine patches, A to I. Each draws a random number. Sort by it, keep the first three, drop the rest. Later, put
# everything back, with a placeholder (a **mask token**) for each patch that was dropped.

# %%
noise = torch.rand(9, generator=torch.Generator().manual_seed(5))
figures.show_shuffle(noise, num_keep=3)

# %% [markdown]
# To sort random numbers is to shuffle. The first three of a shuffled list are three patches drawn at random, and none
# is drawn twice.

# %%
letters = "ABCDEFGHI"
ids_shuffle = noise.argsort()
ids_keep = ids_shuffle[:3]
print("shuffled:", *(letters[k] for k in ids_shuffle))
print("kept:    ", *(letters[k] for k in ids_keep), "  or by number:", ids_keep.tolist())

# %% [markdown]
# The encoder gets these three. The decoder needs nine, in their old order: six mask tokens are appended, and the list
# is put back. `ids_shuffle` says which patch went to each place.
#
# **Predict**: does indexing by `ids_shuffle` once more bring the list back in order?

# %%
tokens = [letters[k] for k in ids_keep] + ["·"] * 6
ids_restore = ids_shuffle.argsort()
print("appended:              ", *tokens)
print("indexed by ids_shuffle:", *(tokens[k] for k in ids_shuffle))
print("indexed by ids_restore:", *(tokens[k] for k in ids_restore))

# %% [markdown]
# **Explain.** No, it shuffles a second time. `ids_shuffle` answers "which patch is at place 0?". To go back one has to
# ask "at which place is patch A?", the inverse. Sorting a permutation gives its inverse, hence the second `argsort`: B,
# F and I stand at places 1, 5 and 8 again.
#
# > **Bug museum.** Leave out the second sort, and nothing complains. The list is as long as before, and the mask hides
# > as many. Even readers of the official code wondered how `ids_shuffle` could ever unshuffle
# > ([mae, issue 124](https://github.com/facebookresearch/mae/issues/124)). On a photo it looks like this:

# %%
model = ml.load_model()
cat = ml.load_image(ml.asset_path("photos", "cat.jpg"), model)
order = torch.rand(196, generator=torch.Generator().manual_seed(0)).argsort()
row = ml.patchify(cat, 8)[:, order]
row[:, 49:] = 0  # mask tokens, in the mean colour

# %%
lists = {"kept, then mask tokens": row, "put back": row[:, order.argsort()], "second sort left out": row[:, order]}
show_pictures(
    {name: ml.to_uint8(ml.unpatchify(one, 8, (14, 14)), model.cfg)[0] for name, one in lists.items()},
    alt="49 patches of a cat: in a heap at the top, then in their places, then scattered over wrong places.",
)

# %% [markdown]
# ### The mask
#
# `ids_restore` is all one needs: a patch whose place in the sorted list is 3 or later was dropped. A **mask** writes
# that down for each patch, True = hidden.

# %%
mask = ids_restore >= 3
print("hidden:", *(letters[k] for k in range(9) if mask[k]))
assert torch.equal(mask[None], ml.random_mask(9, mask_ratio=6 / 9, seed=5))
print("equals mae_lite.random_mask")

# %% [markdown]
# The package goes the other way as well: it takes any mask, also one drawn by hand, and reads the shuffle off it.
# Visible patches come in reading order then. The model does not mind, since every token carries its position (notebook
# 02).

# %%
visible_first = mask.long().argsort(stable=True)  # False before True, otherwise in order
ids_keep, ids_restore = ml.ids_from_mask(mask[None])
assert torch.equal(ids_keep[0], visible_first[:3])
assert torch.equal(ids_restore[0], visible_first.argsort())
print("kept:", *(letters[k] for k in ids_keep[0]), "  places:", ids_restore[0].tolist())

# %% [markdown]
# ### Exercise 1: random masking
#
# > **Difficulty** 2 of 5 · **Time** 10 minutes
#
# For a batch: `noise` is (b, n), one number a patch. In each image hide the `count` patches of the highest noise.
# Return a mask (b, n), True = hidden. The check draws 4,000 masks and looks whether any patch is favoured.
#
# <details><summary>Hint 1</summary>
#
# `argsort(dim=1)` sorts each row by itself. You need the place of each patch, not the patch at each place.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Sort twice, then compare the places with n - count.
#
# </details>


# %%
def random_mask(noise, count):
    b, n = noise.shape
    ### BEGIN SOLUTION
    places = noise.argsort(dim=1).argsort(dim=1)
    return places >= n - count
    ### END SOLUTION


check.random_mask(random_mask)

# %% [markdown]
# ## Exactly so many
#
# Why not toss a coin for each patch? Then every image would keep another number, and a batch could not be one tensor.
# The count has to be exact, so a ratio has to become a whole number.
#
# **Predict** how many of 100 patches (a grid of 10 x 10) stay visible at 90 % hidden, if one writes
# `int(100 * (1 - 0.9))`.

# %%
for n, ratio in [(196, 0.75), (100, 0.8), (100, 0.9), (196, 0.9)]:
    visible = n * (1 - ratio)
    print(f"{n} patches, {ratio:.0%} hidden: {visible!r:>18} visible; int {int(visible)}, round {round(visible)}")

# %% [markdown]
# **Explain.** A computer has no exact tenths. The product ends a hair below 10, and `int` throws away all that is
# behind the point. The package rounds, and leaves at least one patch visible.
#
# > **Bug museum.** The official code uses `int` here. On its own grid of 196 it goes unnoticed at 75 %; on 10 x 10 at
# > 90 % it keeps 9 patches. One patch is no disaster. But a program that rounds differently can no longer use the same
# > masks, and a table of lengths computed elsewhere no longer fits.
#
# ### Exercise 2: the exact count
#
# > **Difficulty** 1 of 5 · **Time** 5 minutes
#
# How many of `num_patches` patches are hidden at `mask_ratio`? Take the nearest whole number, but never all of them.
#
# <details><summary>Hint</summary>
#
# `round` gives a whole number, `min` keeps it below `num_patches`.
#
# </details>


# %%
def num_masked(num_patches, mask_ratio):
    ### BEGIN SOLUTION
    return min(round(num_patches * mask_ratio), num_patches - 1)
    ### END SOLUTION


check.num_masked(num_masked)

# %% [markdown]
# ## The ratio moves the cut
#
# A seed fixes the random numbers; the ratio only says where the sorted list is cut. **Predict**: 98 patches are hidden
# at 50 %. How many of them can be seen again at 75 %, with the same seed, and with another?

# %%
half, most, other = (ml.random_mask(196, ratio, seed=seed)[0] for ratio, seed in [(0.5, 0), (0.75, 0), (0.75, 1)])
print("hidden at 50 %, visible at 75 %, same seed: ", int((half & ~most).sum()))
print("hidden at 50 %, visible at 75 %, other seed:", int((half & ~other).sum()))

# %% [markdown]
# **Explain.** With the same seed none: the masks are **nested**. Whoever moves a slider from 50 to 75 % sees patches go
# and none come back, and a comparison of two ratios compares nothing but the ratio.

# %% [markdown]
# ## Which ones?
#
# The paper compares random patches with whole blocks and with a regular grid that keeps every fourth patch.
#
# **Predict** which of the three is easiest to fill in, for the network and for a smooth surface stretched between the
# visible pixels ("harmonic"), and which is hardest.

# %%
photos = torch.cat([ml.load_image(path, model) for path in ml.list_photos()])  # none was in the training
coffee = [path.stem for path in ml.list_photos()].index("coffee")
masks = {name: masking.draw_mask(name, (14, 14), mask_ratio=0.75, seed=0) for name in ("random", "block", "grid")}
show_comparison({name: ml.reconstruct(model, photos[[coffee]], mask) for name, mask in masks.items()})

# %%
for strategy in masks:
    scores = evaluate.masked_errors(model, photos, mask_ratio=0.75, strategy=strategy)
    print(f"{strategy:6}  harmonic {scores['harmonic'].mean():.3f}   network {scores['model'].mean():.3f}")

# %% [markdown]
# **Explain.** In a grid every hidden patch touches a visible one; inside a block there is nothing near to go by. Hence
# grid is easiest and block hardest (this network met random masks only, so on the others it is out of practice).
#
# Is the easiest the best to learn from? The paper's answer for a ViT-L (Table 1f), in % of ImageNet's test images named
# correctly:
#
# | hidden | random 75 % | block 50 % | block 75 % | grid 75 % |
# |---|---|---|---|---|
# | fine-tuned | **84.9** | 83.9 | 82.8 | 84.0 |
# | linear probe | **73.5** | 72.3 | 63.9 | 66.0 |
#
# Grid masks gave the lower training loss and sharper pictures, and worse features. A lower loss says nothing when the
# task was made easier.
#
# How is a block mask made? BEiT, from which it comes, draws rectangles until enough is covered. One rectangle, as the
# patches in it:


# %%
def rectangle(grid_size, generator):
    rows, columns = grid_size
    height = int(torch.randint(2, rows // 2 + 1, (), generator=generator))
    width = int(torch.randint(2, columns // 2 + 1, (), generator=generator))
    top = int(torch.randint(rows - height + 1, (), generator=generator))
    left = int(torch.randint(columns - width + 1, (), generator=generator))
    return [y * columns + x for y in range(top, top + height) for x in range(left, left + width)]


print(rectangle((14, 14), torch.Generator().manual_seed(0)))

# %% [markdown]
# ### Exercise 3: block masks
#
# > **Difficulty** 3 of 5 · **Time** 15 minutes
#
# Hide rectangles until `count` patches are hidden, exactly. Rectangles may overlap. What the last one hides beyond the
# count stays visible. `rectangle(grid_size, generator)` draws one. Return a mask (n,).
#
# <details><summary>Hint 1</summary>
#
# Keep a list of hidden patches in the order in which they were covered, each once.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Once the list is long enough, its first `count` entries are the mask. What is too much is at its end.
#
# </details>


# %%
def block_mask(grid_size, count, generator):
    rows, columns = grid_size
    ### BEGIN SOLUTION
    hidden = []  # in the order of first cover
    while len(hidden) < count:
        hidden += [k for k in rectangle(grid_size, generator) if k not in hidden]
    mask = torch.zeros(rows * columns, dtype=torch.bool)
    mask[hidden[:count]] = True
    return mask
    ### END SOLUTION


check.block_mask(block_mask)

# %% [markdown]
# ## How much?
#
# BERT hides 15 % of the words and MAE 75 % of the patches. The paper's reason (section 1): words are dense, while
# images repeat themselves. A missing patch can be continued from its neighbours without knowing what the picture shows,
# so most of the neighbours have to go as well. That can be measured. Five ways to fill what is hidden:
#
# | way | what it knows |
# |---|---|
# | visible mean | one colour |
# | nearest | the nearest visible pixel |
# | harmonic | every hidden pixel is the mean of its four neighbours: a soap film held by the visible pixels |
# | linear | the best weighted sum of all visible pixels, given how strongly pixels vary together in *other* photos |
# | network | what it learned in training, from thousands of other photos |


# %%
def fill_all(imgs, others, mask):
    hidden = ml.pixel_mask(mask, model.cfg.grid_size, 8).expand(len(imgs), -1, -1, -1)
    filled = {"visible mean": ml.visible_mean_fill(imgs, hidden), "nearest": ml.nearest_fill(imgs, hidden)}
    filled["harmonic"] = ml.harmonic_fill(imgs, hidden)
    if mask.float().mean() > 0.55:  # it costs the cube of the number of visible pixels
        others = torch.cat([others, others.flip(3)])  # mirrored as well, and turned over the diagonal
        covariance = linear_mae.autocovariance(torch.cat([others, others.transpose(2, 3)]))
        filled["linear"] = linear_mae.linear_fill(imgs, hidden, covariance)
    filled["network"] = ml.unpatchify(model(imgs, mask).pred, 8, model.cfg.grid_size)
    return filled


def fill_by_halves(imgs, mask):
    first, second = fill_all(imgs[:10], imgs[10:], mask), fill_all(imgs[10:], imgs[:10], mask)
    return {way: torch.cat([first[way], second[way]]) for way in first}


# %% [markdown]
# The linear way must not take its statistics from the photos it is tested on, so each half of the photos is filled with
# statistics of the other half. All photos share one mask a ratio. This runs for some ten seconds; for its cost, the
# linear fill starts at 60 %. (Above, each photo had a mask of its own, so the errors at 75 % differ a little.)

# %%
ratios = (0.1, 0.3, 0.5, 0.6, 0.75, 0.8, 0.85, 0.9, 0.95)
masks = {ratio: ml.random_mask(196, ratio, seed=0) for ratio in ratios}
filled = {ratio: fill_by_halves(photos, mask) for ratio, mask in masks.items()}

# %% [markdown]
# Leaf through the ratios, by mouse or arrow keys. The masks are nested: patches go, none comes back.
#
# **Predict**, before you look: at 75 %, which of the five has the largest error, which the smallest, and between which
# two is the largest step?

# %%
late = [ratio for ratio in ratios if ratio > 0.55]
shown = {way: [filled[ratio][way][[coffee]] for ratio in late] for way in ("harmonic", "linear", "network")}
figures.fill_flipbook(photos[[coffee]], torch.cat([masks[ratio] for ratio in late]), shown, model.cfg)


# %%
def error(filled, truth, mask):
    hidden = ml.pixel_mask(mask, model.cfg.grid_size, 8).expand_as(truth)
    return (filled - truth)[hidden].square().mean().item()


# %%
ways = ("visible mean", "nearest", "harmonic", "linear", "network")
errors = {way: [error(filled[r][way], photos, masks[r]) if way in filled[r] else None for r in ratios] for way in ways}
figures.show_fill_curves(ratios, errors, trained_at=model.cfg.mask_ratio)

# %%
at = {way: errors[way][ratios.index(0.75)] for way in ways}
assert sorted(at, key=at.get) == ["network", "linear", "harmonic", "nearest", "visible mean"]
for way in ways:
    print(f"{way:12}  MSE {at[way]:.3f}, {1 - at[way] / at['visible mean']:4.0%} less than the visible mean")
way = (at["visible mean"] - at["harmonic"]) / (at["visible mean"] - at["network"])
print(f"from one colour to the network, the soap film goes {way:.0%} of the way")

# %%
gap = {r: film - net for r, film, net in zip(ratios, errors["harmonic"], errors["network"], strict=True)}
print("soap film minus network:", *(f"{r:.0%} {gap[r]:.3f} " for r in ratios))
assert gap[0.1] < gap[0.5] < gap[0.75] > gap[0.95]

# %% [markdown]
# **Explain.** The largest step is from one colour to the nearest pixel, and a soap film goes nearly all the way to the
# network without knowing anything. Images are redundant indeed. What remains is the network's own share: small beside
# the first step, large to the eye. (The order is that of all photos together; on a single one, harmonic and linear may
# change places.)
#
# The last line shows what there is to gain by knowing more than the neighbours tell. With few patches hidden it is
# little: a task for interpolation. It is most where three quarters or more are hidden, and shrinks again when next to
# nothing is left to go by. (This network was trained at 75 %; one trained elsewhere may do better there.) It fits what
# the paper found for features (Figure 5, ViT-L): the linear probe rises from 54.6 % with a tenth hidden to 73.5 % with
# three quarters hidden and falls again after, while fine-tuning is content with anything from 40 to 80 %.
#
# ## Why is a soap film so good?
#
# Start small: three pixels in a row, the middle one hidden. How far do pixels one apart and two apart vary together?

# %%
covariance = linear_mae.autocovariance(photos)
c0, c1, c2 = covariance[0, :3].tolist()  # the same pixel, one to the right, two to the right
print(f"one apart: {c1 / c0:.3f}, two apart: {c2 / c0:.3f}, as shares of the variance")

# %% [markdown]
# The best weights for the two visible ones solve two equations: left of the sign what the visible pixels have in common
# with each other, right of it what they have in common with the hidden one. **Predict** the two weights.

# %%
among, across = torch.tensor([[c0, c2], [c2, c0]]), torch.tensor([c1, c1])
weights = torch.linalg.solve(among, across)
print("weights:", [round(w, 3) for w in weights.tolist()], " soap film: [0.5, 0.5]")

# %%
strip, hidden = photos[:1, :, :1, 50:53], torch.tensor([[[[False, True, False]]]])
table = torch.tensor([[c0, c1, c2, 0.0, c2, c1]]).expand(2, 6)  # by offset, negative ones from the end
package = linear_mae.linear_fill(strip, hidden, table, ridge=0.0)
torch.testing.assert_close(package[0, :, 0, 1], strip[0, :, 0, [0, 2]] @ weights)
print("equals mae_lite.measure.linear_mae.linear_fill")

# %% [markdown]
# **Explain.** Neighbours are so alike that the best linear guess is almost exactly their mean: the soap film.
#
# ### Exercise 4: the best linear guess
#
# > **Difficulty** 4 of 5 · **Time** 15 minutes
#
# The same for any number of pixels: `pixels` is (b, n), `hidden` (n,) boolean, `covariance` (n, n). Return the strips
# with the hidden pixels filled in. The weights W solve C_vv W = C_vh, where C_vv holds the covariances among visible
# pixels and C_vh those of visible with hidden ones.
#
# <details><summary>Hint 1</summary>
#
# `covariance[a][:, b]` is the block with the rows of mask a and the columns of mask b.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.linalg.solve(C_vv, C_vh)` gives one column of weights for each hidden pixel.
#
# </details>


# %%
def linear_fill(pixels, hidden, covariance):
    ### BEGIN SOLUTION
    visible, filled = ~hidden, pixels.clone()
    weights = torch.linalg.solve(covariance[visible][:, visible], covariance[visible][:, hidden])
    filled[:, hidden] = pixels[:, visible] @ weights
    return filled
    ### END SOLUTION


check.linear_fill(linear_fill)

# %% [markdown]
# ### The whole picture
#
# How pixels vary together at all distances is the same as how strong waves of each frequency are: the **power
# spectrum**, one a Fourier transform of the other. Measured on the photos (faded out towards the border):

# %%
fade = torch.hann_window(112)[:, None] * torch.hann_window(112)
centred = photos - photos.mean(dim=(2, 3), keepdim=True)
power = torch.fft.fft2(centred * fade).abs().square().mean(dim=(0, 1))
waves = torch.fft.fftfreq(112) * 112
ring = (waves[:, None] ** 2 + waves**2).sqrt().round().long().flatten()  # waves across, in any direction
spectrum = torch.bincount(ring, power.flatten()) / torch.bincount(ring)
figures.show_spectrum(torch.arange(1, 57), spectrum[1:57])

# %% [markdown]
# Natural pictures have a power near 1 / frequency². Ours fall a little faster, most of all in the finest detail, which
# shrinking a photo to 112 pixels smooths away. And for a spectrum of exactly 1 / frequency² the best linear guess *is*
# the soap film. **Predict**: give the linear fill that made-up spectrum in place
# of statistics of photos. How far will it be from the harmonic fill?

# %%
f = 2 * torch.pi * torch.fft.fftfreq(224)
squared = 4 - 2 * f[:, None].cos() - 2 * f.cos()  # frequency squared, on a grid of pixels
squared[0, 0] = squared[0, 1] / 10  # not 0: the mean colour may be anything
made_up = torch.fft.ifft2(1 / squared).real

# %%
mask, harmonic = masks[0.75], filled[0.75]["harmonic"]
hidden = ml.pixel_mask(mask, model.cfg.grid_size, 8).expand(len(photos), -1, -1, -1)
guess = linear_mae.linear_fill(photos, hidden, made_up)
inner = (slice(None), slice(None), slice(16, -16), slice(16, -16))
off = (guess - harmonic).square()
print(f"from the harmonic fill {off[inner].mean():.6f} without the border, {off.mean():.6f} with it")
print(f"for comparison, the harmonic fill from the photos: {(harmonic - photos).square().mean():.6f}")

# %% [markdown]
# **Explain.** They are one and the same, apart from the border, where the film ends and the spectrum assumes that the
# picture goes on. So the soap film is the best linear fill for pictures with this spectrum, and photos nearly have it.
# Nothing linear will beat it by much: to a linear fill, only the spectrum counts.
#
# ## What the network adds
#
# Then what the network does better must be what is *not* in the spectrum: edges, shapes, things. Put that to the test.
# Keep each photo's spectrum exactly and shift its waves against each other at random. Power stays, edges go.

# %%
shift = torch.fft.rfft2(torch.randn(len(photos), 1, 112, 112, generator=torch.Generator().manual_seed(0)))
shift /= shift.abs()
shift[..., 0, 0] = 1  # the mean colour stays
scrambled = torch.fft.irfft2(torch.fft.rfft2(photos) * shift, s=(112, 112))
both = {"photo": photos[[coffee]], "its waves shifted": scrambled[[coffee]]}
show_pictures(
    {name: ml.to_uint8(one, model.cfg)[0] for name, one in both.items()},
    alt="A photo, and clouds of the same colours and the same coarseness without any edge or thing in them.",
)

# %% [markdown]
# **Predict**: 75 % hidden, who is best at filling in the clouds, and by how much?

# %%
clouds = fill_by_halves(scrambled, masks[0.75])
on = {way: error(clouds[way], scrambled, masks[0.75]) for way in clouds}
for way in ("harmonic", "linear", "network"):
    print(f"{way:9} photos {at[way]:.3f}   clouds {on[way]:.3f}")
print(f"the network's error beside the linear fill's: photos {at['network'] / at['linear']:.0%}", end="   ")
print(f"clouds {on['network'] / on['linear']:.0%}")
assert at["network"] < 0.9 * at["linear"]
assert on["network"] > 0.95 * on["linear"]

# %% [markdown]
# **Explain.** On photos the network leaves about a fifth less error than the linear fill. On clouds its lead is gone:
# they hold nothing but their spectrum, so the linear fill is as good as it gets, and the network has learned to be
# about as good at that as well. Its lead on photos is what it knows about edges and things.

# %% [markdown]
# ## A reader's question
#
# > Since in every epoch a new subset is masked, a masked patch in one epoch might be visible in another. Is that so,
# > and does it help? (Asked as [mae, issue 86](https://github.com/facebookresearch/mae/issues/86).)
#
# **Predict**: train on a single photo of nine patches, seven hidden. How many epochs until the encoder has seen all
# nine? A hook on the model notes each mask that the training of this package draws.

# %%
tiny = ml.MAEConfig(img_size=(24, 24), patch_size=8, embed_dim=24, depth=1, num_heads=2)
one_photo = ml.to_uint8(ml.load_image(ml.asset_path("photos", "cat.jpg"), tiny), tiny)
student, drawn = ml.MAE(tiny), []
_ = student.register_forward_pre_hook(lambda _, inputs: drawn.append(inputs[1]))
with tempfile.TemporaryDirectory() as folder, torch.enable_grad():
    _ = list(pretrain.pretrain(student, one_photo, pretrain.PretrainConfig(epochs=6, batch_size=1), folder))

# %%
epochs = torch.cat([mask for mask in drawn if len(mask) == 1])  # the others are for pictures of its progress
seen = (~epochs).cumsum(dim=0) > 0
for k, mask in enumerate(epochs):
    row = " ".join("·" if is_hidden else letter for letter, is_hidden in zip(letters, mask, strict=True))
    print(f"epoch {k + 1}: given {row}   seen so far: {int(seen[k].sum())} of 9")

# %%
for k in (1, 2, 5, 10, 49):
    never = ml.random_mask(196, mask_ratio=0.75, batch_size=k, seed=0).all(dim=0).float().mean()
    print(f"after {k:2} epochs: never visible {never:.1%} of 196 patches, expected {0.75**k:.1%}")

# %% [markdown]
# **Explain.** Yes: a new mask for each image at each step. What is hidden today is given tomorrow, and after 49 epochs
# no patch is left that was never shown. So the network could learn the photos by heart; but each time it is asked
# another question about them, with other clues, so each epoch is nearly new data. The paper trains well even with plain
# centre crops and no other augmentation (Table 1e: 84.0 against 84.9 fine-tuned).
#
# > **Bug museum.** In another reimplementation every epoch got the *same* masks: they were drawn by NumPy in worker
# > processes that all started from one random state
# > ([MAE-pytorch, issue 28](https://github.com/pengzhiliang/MAE-pytorch/issues/28)). Nothing failed and the loss fell.
# > Look at masks, not only at losses.
#
# ### And when the training is over?
#
# To compare two states of a network, or to use its features, the masks must *not* change. **Predict**: take the
# features of one photo under two masks. Are they the same once `model.eval()` was called?


# %%
def features(image, mask_ratio, seed=0):
    mask = ml.random_mask(196, mask_ratio, seed=seed)
    return model.eval()(image, mask).latent[0, 1:].mean(dim=0)  # without the class token


def alike(one, two):
    return f"{torch.cosine_similarity(one, two, dim=0):.3f}"


# %%
print("75 % hidden, two masks:  ", alike(features(cat, 0.75, seed=0), features(cat, 0.75, seed=1)))
print("nothing hidden, two masks:", alike(features(cat, 0, seed=0), features(cat, 0, seed=1)))
print("for scale, another photo: ", alike(features(cat, 0), features(photos[[coffee]], 0)))

# %% [markdown]
# **Explain.** 1 is the same vector. `eval()` switches off dropout; it knows nothing about masks. Features under a
# random mask depend on the draw. Hide nothing when you want features. Here the mask is an argument, so nothing is drawn
# behind your back.
#
# > **Bug museum.** Models that draw their mask inside go on drawing in evaluation. Users wondered why the same photo
# > gave other features at each call ([transformers, issue
# > 20431](https://github.com/huggingface/transformers/issues/20431),
# > [22512](https://github.com/huggingface/transformers/issues/22512)).

# %% [markdown]
# ## Key takeaways
#
# - Sort random numbers, cut the list: that is random masking. Sort the order again to find every patch's place.
# - A count is rounded, never floored, and exact for every image, since a batch keeps equally many.
# - One noise vector a seed: the ratio moves the cut, and masks are nested.
# - Most of a hidden patch can be had from its neighbours by a soap film, the best linear guess for a spectrum of
#   1 / frequency². Where few are hidden, little more can be gained; where three quarters are, most.
# - What a trained network adds is what is not linear: edges, shapes, things. An easier task (a grid) has a lower loss
#   and teaches less.
#
# ## Quiz
#
# **1.** A list was shuffled with `ids_shuffle = [2, 0, 1]`. What is `ids_restore`?
#
# <details><summary>Answer</summary>
#
# [1, 2, 0]: patch 0 is at place 1, patch 1 at place 2, patch 2 at place 0.
#
# </details>
#
# **2.** Masks by a coin for each patch would hide 75 % on average as well. What breaks?
#
# <details><summary>Answer</summary>
#
# Each image would keep another number of patches, and a batch of visible patches would not be one tensor.
#
# </details>
#
# **3.** A colleague's training loss is lower since she switched to grid masks. Is her model better?
#
# <details><summary>Answer</summary>
#
# That does not follow. Every hidden patch now has visible neighbours, so the task is easier. In the paper's Table 1f
# the features are worse.
#
# </details>
#
# ## To discuss
#
# 1. By squared error a soap film goes nearly all the way to the network. Your eye disagrees. Which of the two is right
#    about what the network has learned?
# 2. Words are masked at 15 %, video at 90 % ([MAE-ST](https://arxiv.org/abs/2205.09113)). Draw the soap film's curve
#    for each as you expect it.
# 3. Take photos of twice the resolution, with patches of the same number of pixels. Which ratio would you hide?
# 4. On clouds the linear fill knows all there is to know. Would pretraining on clouds teach a network anything of use?
#
# ## Further reading
#
# - [He et al. 2021](https://arxiv.org/abs/2111.06377), sections 3 and 4.1, Table 1f and Figures 5 and 6.
# - [Bisulco et al. 2025](https://arxiv.org/abs/2508.15404) solve the linear MAE on paper: ratio and patch size choose
#   between short and long correlations.
# - [Bao et al. 2021](https://arxiv.org/abs/2106.08254), BEiT, from which the block masks come.
# - [Field 1987](https://doi.org/10.1364/JOSAA.4.002379) measured the spectrum of natural pictures, and asks what it
#   means for eyes.
#
# {navigation}
