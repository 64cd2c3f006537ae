# %% [markdown]
# # 02 An image as a sentence
#
# A Transformer reads a list of vectors, one a word. A photo has no words. This notebook makes some, in a way that
# loses nothing and can be undone, and finds the one thing that has to be put back by hand.
#
# **You will be able to**
# - cut an image into patches and put it together again without losing a pixel;
# - say how many patches an image has, how many numbers each holds, and what that costs;
# - explain why a convolution with stride p and a matrix product embed patches alike;
# - build 2-D sine-cosine positions, and show what a Transformer misses without them.
#
# **Time** 25 minutes to read and run, 45 more with the four exercises. **Needs** some PyTorch: indexing and `reshape`.
# No GPU.
#
# {navigation}

# %%
import copy
import timeit

import torch
import torch.nn.functional as F

import mae_lite as ml
from mae_course.exercises import image_as_sentence as check
from mae_course.figures.image_as_sentence import patch_size_flipbook, show_cut, show_sentence
from mae_lite import layers
from mae_lite.show.figures import show_comparison, show_maps, show_pictures

_ = torch.set_grad_enabled(False)  # nothing is trained here

# %% [markdown]
# ## Sixteen pixels, four words
#
# Start with an image so small that you can follow every number: 4 x 4 pixels, one channel, numbered 0 to 15. A
# **patch** is a square of p x p pixels, here with p = 2.

# %%
image = torch.arange(16).reshape(4, 4)
show_cut(image, patch_size=2)

# %% [markdown]
# Patches are read like a page: left to right, then the next line. So are the pixels within a patch. By hand:

# %%
print("patch 0:", image[0:2, 0:2].flatten().tolist())
print("patch 1:", image[0:2, 2:4].flatten().tolist(), " right of patch 0")
print("patch 2:", image[2:4, 0:2].flatten().tolist(), " below patch 0")

# %% [markdown]
# The same in two loops, for a batch of images with channels. Slow, and plainly right. A colour patch is flattened as
# (row, column, channel): all channels of a pixel stay together.


# %%
def slow_patchify(imgs, p):
    patches = []
    for top in range(0, imgs.shape[2], p):
        for left in range(0, imgs.shape[3], p):
            patch = imgs[:, :, top : top + p, left : left + p]  # (b, c, p, p)
            patches.append(patch.permute(0, 2, 3, 1).flatten(1))  # (b, p * p * c)
    return torch.stack(patches, dim=1)  # (b, n, p * p * c)


# %%
print(slow_patchify(image[None, None], p=2)[0])
imgs = torch.randn(2, 3, 8, 12)
torch.testing.assert_close(slow_patchify(imgs, 4), ml.patchify(imgs, 4))
print("equals mae_lite.patchify on", tuple(imgs.shape))

# %% [markdown]
# ### A right shape proves nothing
#
# Loops are slow; real code moves whole axes at once. Four patches of four numbers is a table of 4 x 4, and
# `image.reshape(4, 4)` is a table of 4 x 4.
#
# **Predict** the first row of `image.reshape(4, 4)`. Is it patch 0?

# %%
print(image.reshape(4, 4))

# %% [markdown]
# **Explain.** It is the first row of the *image*. `reshape` moves no number, it only says anew where rows end. Patch 0
# is made of two pieces that lie apart in memory, so something has to move. And nothing complained: the shape was right.
#
# > **Bug museum.** A collection of coding exercises ([TorchCode, issue
# 21](https://github.com/duoan/TorchCode/issues/21))
# > accepted exactly this as a solution, since its check did not see the difference. The checks in this notebook
# > compare every number, on images that are not square.
#
# What does work: give the grid and the patch an axis each, then bring the axes into reading order.

# %%
split = image.reshape(2, 2, 2, 2)  # (rows, p, columns, p)
print("row 0, column 1 of the grid:", split[0, :, 1].flatten().tolist())

# %%
ordered = split.permute(0, 2, 1, 3)  # (rows, columns, p, p)
print(ordered.reshape(4, 4))  # (n, p * p)

# %% [markdown]
# Split, permute, merge. Now every row is a patch.
#
# ### Exercise 1: patchify
#
# > **Difficulty** 2 of 5 · **Time** 10 minutes
#
# Write `patchify` without a loop, for a batch of images (b, c, h, w) that need not be square. Return
# (b, n, p * p * c), patches in reading order, each flattened as (row, column, channel).
#
# <details><summary>Hint 1</summary>
#
# Six axes before the permutation: (b, c, rows, p, columns, p). How many rows and columns of patches are there?
#
# </details>
# <details><summary>Hint 2</summary>
#
# After the permutation they are (b, rows, columns, p, p, c). Which of the six was each of them before?
#
# </details>


# %%
def patchify(imgs, patch_size):
    b, c, h, w = imgs.shape
    ### BEGIN SOLUTION
    p = patch_size
    x = imgs.reshape(b, c, h // p, p, w // p, p)
    x = x.permute(0, 2, 4, 3, 5, 1)  # (b, rows, columns, p, p, c)
    return x.reshape(b, -1, p * p * c)
    ### END SOLUTION


check.patchify(patchify)

# %% [markdown]
# ## A photo
#
# The same cut on a photo. The patches are very large here, so that you can recognise them.

# %%
cfg = ml.MAEConfig(img_size=(224, 336), patch_size=56)
photo = ml.load_image(ml.asset_path("photos", "cat.jpg"), cfg)
show_sentence(ml.to_uint8(photo, cfg)[0], patch_size=56)

# %% [markdown]
# Look at the last row: this is all that a Transformer gets, a list. Neighbours in the list are mostly neighbours in the
# picture; patches above each other are far apart in the list.

# %%
patches = ml.patchify(photo, 56)
back = ml.unpatchify(patches, 56, grid_size=(4, 6))
print("image  ", tuple(photo.shape), "=", photo.numel(), "numbers")
print("patches", tuple(patches.shape), "=", patches.numel(), "numbers")
print("every pixel back in its place:", torch.equal(back, photo))

# %% [markdown]
# Nothing is lost, and nothing is compressed: the same numbers in another order. But `unpatchify` had to be told the
# grid. **Predict**: what do 24 patches look like when they are put back as 6 x 4, or as 3 x 8?

# %%
grids = [(4, 6), (6, 4), (3, 8)]
images = {f"{down} x {across}": ml.unpatchify(patches, 56, (down, across)) for down, across in grids}
show_pictures(
    {name: ml.to_uint8(image, cfg)[0] for name, image in images.items()},
    alt="The patches put back as 4 x 6, which gives the photo, and as 6 x 4 and 3 x 8, which give torn pictures.",
)

# %% [markdown]
# **Explain.** Every patch is whole, but a line now ends at the wrong place, as in a text set too narrow or too wide.
# A number of patches cannot tell its grid.
#
# > **Bug museum.** The root of n is right for squares only. The official MAE code takes it, and square images only
# > ([mae, issue 108](https://github.com/facebookresearch/mae/issues/108)). It also says 3 where the number of channels
# > belongs, so grey images fail ([issue 182](https://github.com/facebookresearch/mae/issues/182)).
#
# ### Exercise 2: unpatchify
#
# > **Difficulty** 2 of 5 · **Time** 10 minutes
#
# Undo exercise 1, for pictures of any shape and any number of channels. `grid_size` is (rows, columns) of patches.
#
# <details><summary>Hint 1</summary>
#
# Walk backwards: split the merged axes, permute, merge again. The channels are c = patch_dim / (p * p).
#
# </details>
# <details><summary>Hint 2</summary>
#
# Before the last `reshape` the axes must be (b, c, rows, p, columns, p).
#
# </details>


# %%
def unpatchify(patches, patch_size, grid_size):
    b, n, patch_dim = patches.shape
    rows, columns = grid_size
    ### BEGIN SOLUTION
    p = patch_size
    x = patches.reshape(b, rows, columns, p, p, patch_dim // p**2)
    x = x.permute(0, 5, 1, 3, 2, 4)  # (b, c, rows, p, columns, p)
    return x.reshape(b, -1, rows * p, columns * p)
    ### END SOLUTION


check.unpatchify(unpatchify)

# %% [markdown]
# ## A reader's question
#
# > Why is the loss computed between the prediction and the *patchified* image, and not the original image?
# > (Asked as [mae, issue 176](https://github.com/facebookresearch/mae/issues/176).)
#
# **Predict**: a model paints everything in one colour. Is its squared error larger on pixels or on patches?

# %%
guess = torch.zeros_like(photo)  # 0 is the mean colour
on_pixels = (guess - photo).square()
on_patches = (ml.patchify(guess, 56) - patches).square()
print(f"mean over pixels:  {on_pixels.mean():.6f}")
print(f"mean over patches: {on_patches.mean():.6f}")

# %%
mask = ml.random_mask(24, mask_ratio=0.75, seed=0)  # (1, 24), True = hidden
hidden = ml.pixel_mask(mask, cfg.grid_size, 56).expand_as(photo)
print(f"hidden pixels only:  {on_pixels[hidden].mean():.6f}")
print(f"hidden patches only: {on_patches[mask].mean():.6f}")

# %% [markdown]
# **Explain.** The errors are the same: an average does not ask in which order it is taken. Patches are merely the
# handier form. The decoder gives one vector a patch, the mask has one value a patch, so *the mean error of hidden
# patches* is one line of code. No picture has to be put together to train, only to look at.

# %% [markdown]
# ## How long should the sentence be?
#
# An image of h x w pixels has n = (h / p) x (w / p) patches with p x p x c numbers each. Attention compares every token
# with every token: n x n pairs.
#
# **Predict**: halve p. By what factor does the number of tokens grow, and by what factor the number of pairs? Then move
# the slider, by mouse or arrow keys, from coarse to fine.

# %%
square = ml.MAEConfig(img_size=(224, 224))
picture = ml.to_uint8(ml.load_image(ml.asset_path("photos", "cat.jpg"), square), square)[0]
patch_size_flipbook(picture, (32, 28, 16, 14, 8, 7, 4))

# %% [markdown]
# What it costs here: one layer of attention of a ViT-B, 12 heads of 64 channels each, timed on this machine.

# %%
for p in (32, 16, 8, 4):
    n = (224 // p) ** 2
    q = torch.randn(1, 12, n, 64)
    names = {"attend": F.scaled_dot_product_attention, "q": q}
    best = min(timeit.repeat("attend(q, q, q)", globals=names, repeat=3, number=1))
    print(f"p = {p:2}: {n:4} tokens, {n * n:9,} pairs, {1000 * best:8.2f} ms")

# %% [markdown]
# **Explain.** Half the side gives four times the tokens and sixteen times the pairs, and the time follows the pairs as
# soon as there are many. Small patches show more detail and cost dearly. MAE hides 75 % of the patches and leaves them
# out of the encoder: a quarter of the tokens, a sixteenth of the pairs, and the patches stay as fine as they were.

# %% [markdown]
# ## From numbers to a token
#
# A patch is embedded by one matrix product. Most code writes it as a convolution whose filter is as large as a patch
# and moves on by a whole patch. **Predict** why that is the same, then compare on the 16 pixels: one filter of 2 x 2,
# one number for each patch.

# %%
pixels = image[None, None].float()
one_filter = torch.tensor([[1.0, 2.0], [0.0, -1.0]])
print("convolution:   ", F.conv2d(pixels, one_filter[None, None], stride=2).flatten().tolist())
print("matrix product:", (ml.patchify(pixels, 2)[0] @ one_filter.flatten()).tolist())

# %% [markdown]
# **Explain.** With a stride of p the filter meets each patch once and nothing in between, so each output is the dot
# product of one patch with the filter. With d filters every patch gets d numbers: its **token**. Follow patch 0: pixels
# 0, 1, 4, 5 times 1, 2, 0, -1.
#
# The trained model does it with 8 x 8 pixels, three channels and many filters. **Predict**: take its filters, flatten
# them, multiply. Will the two agree again?

# %%
model = ml.load_model()
cat = ml.load_image(ml.asset_path("photos", "cat.jpg"), model)
embed = model.encoder.patch_embed  # a Conv2d
tokens = embed(cat).flatten(2).transpose(1, 2)  # (b, n, d)
print("tokens", tuple(tokens.shape), "filters", tuple(embed.weight.shape))

# %%
wrong = ml.patchify(cat, 8) @ embed.weight.flatten(1).T + embed.bias
print("same shape:", wrong.shape == tokens.shape)
print(f"largest difference: {(wrong - tokens).abs().max():.2f}, largest token value: {tokens.abs().max():.2f}")

# %% [markdown]
# **Explain.** Shapes agree, numbers do not. A filter lies in memory as (channel, row, column), a patch as (row, column,
# channel). With one channel, as above, the two orders are the same and the slip does not show.
#
# ### Exercise 3: the convolution as a matrix product
#
# > **Difficulty** 3 of 5 · **Time** 10 minutes
#
# Compute what `F.conv2d(imgs, weight, bias, stride=p)` computes, as tokens (b, n, d), with `ml.patchify` and one
# matrix product. `weight` is (d, c, p, p), `bias` is (d).
#
# <details><summary>Hint</summary>
#
# Bring the weight's axes into the order (d, row, column, channel) before you flatten it to (d, p * p * c).
#
# </details>


# %%
def patch_embed(imgs, weight, bias):
    d, c, p, _ = weight.shape
    ### BEGIN SOLUTION
    filters = weight.permute(0, 2, 3, 1).flatten(1)  # (d, p * p * c)
    return ml.patchify(imgs, p) @ filters.T + bias
    ### END SOLUTION


check.patch_embed(patch_embed)

# %% [markdown]
# ## Where was each word?
#
# Shuffle the patches of a photo. For you it is a riddle. **Predict**: what is it for attention, which compares every
# token with every other?

# %%
order = torch.randperm(196, generator=torch.Generator().manual_seed(0))
jigsaw = ml.unpatchify(ml.patchify(cat, 8)[:, order], 8, grid_size=(14, 14))
shown = {"in order": ml.to_uint8(cat, model.cfg)[0], "shuffled": ml.to_uint8(jigsaw, model.cfg)[0]}
show_pictures(shown, alt="A photo of a cat, and the same with its 196 patches shuffled: nothing can be recognised.")

# %%
attention = model.encoder.blocks[0].attn
difference = attention(tokens)[:, order] - attention(tokens[:, order])
print(f"shuffled before or after attention, largest difference: {difference.abs().max():.6f}")

# %% [markdown]
# **Explain.** It is the same photo. Every token finds the same tokens to look at, wherever they stand in the list; the
# result is shuffled as the input was. A Transformer without positions sees a bag of patches. So each token gets a
# vector added that says where its patch was: a **position embedding**.
#
# MAE computes it from sines and cosines and never trains it. One axis first. Think of several clocks with one hand
# each; the first hand turns fast, each next one more slowly. What position x gets is where the hands stand after x
# ticks, and a hand's place is told by two numbers, its sine and its cosine.


# %%
def sincos_1d(positions, dim):
    speeds = 10000 ** -(torch.arange(dim // 2) / (dim // 2))  # from 1 down to nearly 1 / 10000
    angles = positions[:, None] * speeds
    return torch.cat([angles.sin(), angles.cos()], dim=1)


# %%
print(sincos_1d(torch.arange(5), dim=4))

# %% [markdown]
# Two clocks make four numbers: the two sines, then the two cosines. The fast clock (columns 0 and 2) tells neighbours
# apart; the slow one (columns 1 and 3) has hardly moved and tells near from far.
#
# A patch has two coordinates, so half of the channels gets the **column** and the other half the **row**. Each map
# below is one channel of such a table on a grid of 14 x 14.

# %%
table = layers.sincos_2d((14, 14), dim=32)
maps = {
    f"channel {k}: {'column' if k < 16 else 'row'}": table[:, k].reshape(14, 14) for k in (0, 1, 2, 8, 16, 17, 18, 24)
}
show_maps(maps, alt="Maps of eight channels: upright stripes in the first half, level stripes in the second half.")

# %% [markdown]
# ### Exercise 4: 2-D sine-cosine positions
#
# > **Difficulty** 3 of 5 · **Time** 15 minutes
#
# Write the table (rows x columns, dim): one line a patch in reading order, the column in the first half, the row in
# the second half. `sincos_1d` does the rest.
#
# <details><summary>Hint 1</summary>
#
# Number the patches 0 to n - 1. Which column is patch k in, and which row, if a row has `columns` patches?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `k % columns` and `k // columns`.
#
# </details>


# %%
def sincos_2d(grid_size, dim):
    rows, columns = grid_size
    ### BEGIN SOLUTION
    k = torch.arange(rows * columns)  # the patches in reading order
    x, y = k % columns, k // columns
    return torch.cat([sincos_1d(x, dim // 2), sincos_1d(y, dim // 2)], dim=1)
    ### END SOLUTION


check.sincos_2d(sincos_2d)

# %% [markdown]
# ### How alike are two positions?
#
# The dot product of two lines of the table says how alike two places look to attention. **Predict**: seen from a patch
# in the middle, is a patch five to the right as alike as one five steps along the diagonal?

# %%
table = layers.sincos_2d((14, 14), dim=192)
centres = {"seen from row 7, column 7": 105, "row 0, column 0": 0, "row 3, column 10": 52}
alike = {name: (table @ table[k] / 96).reshape(14, 14) for name, k in centres.items()}
show_maps(
    alike, columns=3, alt="How alike positions are, seen from three patches: most alike near the patch, in a cross."
)

# %% [markdown]
# **Explain.** 1 is the patch itself. A cross, not a disc: a patch in the same row shares half of its code exactly, and
# along the diagonal both halves differ. Nothing gets close to 0, since the slow clocks hardly move on so small a grid.
#
# With positions, the order counts:

# %%
pos = model.encoder.pos_embed
in_order, shuffled = attention(tokens + pos)[:, order], attention(tokens[:, order] + pos)
print(f"the same contents at other positions, largest difference: {(in_order - shuffled).abs().max():.2f}")
print(f"largest value: {in_order.abs().max():.2f}")

# %% [markdown]
# ### Which half is the column?
#
# It does not matter, as long as it stays what it was in training. **Predict**: give the trained encoder the same table
# with its halves swapped, or no positions at all. What will it paint in this sunset?

# %%
sunset = ml.load_image(ml.asset_path("photos", "sunset.jpg"), model)


def paint(positions):
    changed = copy.deepcopy(model)
    changed.encoder.pos_embed.copy_(positions)
    return ml.reconstruct(changed, sunset, ml.random_mask(196, mask_ratio=0.5, seed=0))


# %%
swapped = pos.roll(96, dims=1)  # 96 of 192 channels: the halves change places
tables = {"as trained": pos, "halves swapped": swapped, "all zero": 0 * pos}
show_comparison({name: paint(table) for name, table in tables.items()})

# %% [markdown]
# **Explain.** With swapped halves the patch of row 2, column 9 says that it is at row 9, column 2. The encoder takes
# the photo for one turned over its diagonal: between the visible patches it paints sky on the left and ground on the
# right. With zeros it gets what it never met in training, and what it paints is far off. No shape was wrong, and no
# error was raised.
#
# > **Bug museum.** The official code names the two halves the wrong way round
# > ([mae, issue 18](https://github.com/facebookresearch/mae/issues/18)). The author's answer: the names are not ideal,
# > but swapping the halves would break the released weights. Others counted positions down the columns, which shows
# > only on images that are not square
# > ([transformers, pull request 41380](https://github.com/huggingface/transformers/pull/41380)), or trained with a
# > 16 x 16 table on an 8 x 32 grid and did not notice
# > ([Union14M, issue 12](https://github.com/Mountchicken/Union14M/issues/12)).

# %% [markdown]
# ## The same as the package
#
# What you built in this notebook is what `mae_lite` runs. If one of the two is ever changed, this cell fails.

# %%
torch.testing.assert_close(slow_patchify(cat, 8), ml.patchify(cat, 8))
torch.testing.assert_close(ml.unpatchify(slow_patchify(cat, 8), 8, (14, 14)), cat)
filters = embed.weight.permute(0, 2, 3, 1).flatten(1)
torch.testing.assert_close(slow_patchify(cat, 8) @ filters.T + embed.bias, tokens, rtol=1e-4, atol=1e-4)
k = torch.arange(196)
torch.testing.assert_close(torch.cat([sincos_1d(k % 14, 96), sincos_1d(k // 14, 96)], dim=1), pos)
print("patches, embedding and positions are the package's")

# %% [markdown]
# ## Key takeaways
# - Patches are the pixels in another order: nothing is lost, and the grid is needed to go back.
# - A right shape proves nothing. Test on numbers, with axes of different lengths.
# - A convolution with stride p is one matrix product on every patch, once the weight's axes are in the patch's order.
# - Half the patch side is four times the tokens and sixteen times the pairs.
# - Attention does not know the order. Positions are added, and their convention is part of the weights.
#
# ## Quiz
# **1.** An RGB image of 96 x 128 pixels, p = 16: how many patches, and how many numbers in each?
# <details><summary>Answer</summary>
#
# 6 x 8 = 48 patches of 16 x 16 x 3 = 768 numbers.
#
# </details>
#
# **2.** Swap the two halves of the position table before training starts. Does the model get worse?
# <details><summary>Answer</summary>
#
# No. Either half can be the column, as long as training and use agree. Only weights that were trained with the other
# order break.
#
# </details>
#
# **3.** Can patch embedding lose information, if cutting into patches cannot?
# <details><summary>Answer</summary>
#
# Yes, whenever d is smaller than the p x p x c numbers of a patch. In ViT-B/16 both are 768, so it need not.
#
# </details>
#
# ## To discuss
# 1. The border of a patch may cut through an eye. What would overlapping patches help, and what would they give away in
#    a method that hides patches?
# 2. A word carries a meaning by itself. Does a patch of 16 x 16 pixels? What would be a more word-like piece of image?
# 3. The table is fixed, not learned. What would you gain and lose by learning it, above all for images of other sizes?
# 4. Reading order is a habit. Would another order of the patches change what the model learns?
#
# ## Further reading
# - He et al. 2021: *Masked Autoencoders Are Scalable Vision Learners*,
#   [arXiv 2111.06377](https://arxiv.org/abs/2111.06377). Section 3 for patches and target, appendix A.1 for positions.
# - Dosovitskiy et al. 2020: *An Image is Worth 16x16 Words*, [arXiv 2010.11929](https://arxiv.org/abs/2010.11929).
#   Section 3.1 for the embedding, figure 7 for learned filters and positions.
# - Vaswani et al. 2017: *Attention Is All You Need*, [arXiv 1706.03762](https://arxiv.org/abs/1706.03762). Section 3.5
#   for sines and cosines.
#
# {navigation}
