# %% [markdown]
# # 04 The asymmetric encoder-decoder
#
# A masked autoencoder is two Transformers of unequal size. The large one, the **encoder**, works on the visible patches
# and never learns that there were others. The small one, the **decoder**, gets a token for every patch and paints. Here
# you follow two patches through both, then you take the time.
#
# **You will be able to**
# - trace the vector of a visible and of a hidden patch through every step of the model;
# - bring tokens back into their places, and recognise the bugs that live there;
# - explain why the encoder never sees a mask token, and prove that no hidden pixel reaches it;
# - work out what a forward pass costs, and measure what it saves to leave tokens out;
# - choose the size of a decoder.
#
# **Time** 30 minutes to read and run, 35 more with the four exercises. **Needs** knowing
# [patches and positions](02_image_as_sentence.ipynb) and roughly what a Transformer is. No GPU.
#
# {navigation}

# %%
import torch
import torch.nn.functional as F

import mae_lite as ml
from mae_course.exercises import encoder_decoder as check
from mae_course.figures.encoder_decoder import journey_flipbook, show_scaling, show_times, show_tokens
from mae_course.pages.token_ledger import CLS, Ledger
from mae_lite.show.figures import show_pictures

_ = torch.set_grad_enabled(False)  # nothing is trained here

# %% [markdown]
# ## Six tokens
#
# Six patches, four of them hidden. Read the figure from top to bottom; each row is the list that one step works on.

# %%
steps = {
    "patches": ["0", "1", "2", "3", "4", "5"],
    "keep the visible": ["1", "4"],
    "encoder": ["cls", "1", "4"],
    "append mask tokens": ["1", "4", "M0", "M2", "M3", "M5"],
    "restore the order": ["M0", "1", "M2", "M3", "4", "M5"],
    "decoder": ["cls", "M0", "1", "M2", "M3", "4", "M5"],
}
show_tokens(steps)

# %% [markdown]
# - Hidden patches are **taken out of the list**. The encoder's list is short.
# - **M** is the mask token: one learned vector, the same for each hidden patch. It says *something was here*, and it
#   joins after the encoder.
# - **cls** is the class token, an extra vector that belongs to no patch. More about it further down.
#
# The same with numbers. `ids_keep` says which patches stay; `ids_restore` says how to undo the rest.
# **Predict**: `ids_restore` has six numbers. Where does patch 0 find its token in the list (1, 4, M, M, M, M)?

# %%
mask = torch.tensor([[True, False, True, True, False, True]])  # True = hidden
ids_keep, ids_restore = ml.ids_from_mask(mask)
print("ids_keep   ", ids_keep[0].tolist())
print("ids_restore", ids_restore[0].tolist())

# %%
tokens = torch.arange(10, 16).reshape(1, 6, 1)  # one number a token, so that you can follow it
visible = tokens[:, ids_keep[0]]
listed = torch.cat([visible, torch.full((1, 4, 1), -1)], dim=1)
restored = listed[:, ids_restore[0]]
for name, step in (("visible", visible), ("listed", listed), ("restored", restored)):
    print(f"{name:8}", step.flatten().tolist())
assert torch.equal(restored, torch.where(mask[..., None], -1, tokens))

# %% [markdown]
# **Explain.** At place 2, counted from 0: the first mask token. Mask tokens are all equal, so patch 0 could take any of
# them. What matters is that 11 and 14 are back at places 1 and 4.
#
# In a batch each image hides other patches, so each row needs indices of its own. That is what `gather` does: with
# `ids[..., None].expand(-1, -1, d)` it takes, in each row, whole tokens.
#
# ### Exercise 1: keep and restore
#
# > **Difficulty** 2 of 5 · **Time** 10 minutes
#
# From `tokens` (b, n, d) return two tensors. `visible` (b, n_keep, d) has the tokens that `ids_keep` (b, n_keep) names.
# `full` (b, n, d) has each visible token at its own patch's place, and `mask_token` (1, 1, d) everywhere else. Do it as
# the model does: gather, append, gather with `ids_restore` (b, n). Never look at a hidden token.
#
# <details><summary>Hint 1</summary>
#
# `tokens.gather(1, ids_keep[..., None].expand(-1, -1, d))` is the first half.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `ids_restore` counts places in the list (visible, then mask tokens), in that order.
#
# </details>


# %%
def keep_and_restore(tokens, mask_token, ids_keep, ids_restore):
    b, n, d = tokens.shape
    ### BEGIN SOLUTION
    visible = tokens.gather(1, ids_keep[..., None].expand(-1, -1, d))
    masks = mask_token.expand(b, n - visible.shape[1], d)
    listed = torch.cat([visible, masks], dim=1)
    full = listed.gather(1, ids_restore[..., None].expand(-1, -1, d))
    return visible, full
    ### END SOLUTION


check.keep_and_restore(keep_and_restore)

# %% [markdown]
# ## The journey of patch 17 and patch 101
#
# Now the trained model on a photo, by hand, step by step. Every line below is one that the model runs. After each, a
# **ledger** notes the whole list and tells about two patches: 17, which the mask leaves, and 101, which it hides.

# %%
model = ml.load_model(device="cpu")
encoder, decoder, cfg = model.encoder, model.decoder, model.cfg
photo = ml.load_image(ml.asset_path("photos", "meadow.jpg"), model)
mask = ml.random_mask(cfg.num_patches, mask_ratio=0.75, seed=2)
ids_keep, ids_restore = ml.ids_from_mask(mask)

# %%
every = list(range(cfg.num_patches))
kept, hidden = ids_keep[0].tolist(), mask[0].nonzero().flatten().tolist()
ledger = Ledger(mask, visible=17, hidden=101)
print(len(every), "patches,", len(kept), "visible,", len(hidden), "hidden")

# %% [markdown]
# ### The encoder
#
# The photo as patches, then each patch embedded, and its position added.

# %%
patches = ml.patchify(photo, cfg.patch_size)
ledger.note("1 patchify", patches, every, pixels=True)

# %%
tokens = encoder.patch_embed(photo).flatten(2).transpose(1, 2)
ledger.note("2 embed", tokens, every)

# %%
placed = tokens + encoder.pos_embed
ledger.note("3 add position", placed, every)

# %% [markdown]
# Until here all patches are treated alike. Now the hidden ones go.

# %%
seen = placed[:, kept]
ledger.note("4 keep the visible", seen, kept)

# %% [markdown]
# Patch 17 moved to another place in the list. It does not matter: its position is in its numbers since step 3. Patch
# 101 has no numbers any more.

# %%
entering = torch.cat([encoder.cls_token, seen], dim=1)
ledger.note("5 class token", entering, [CLS, *kept])

# %%
x = entering
for layer in encoder.blocks:
    x = layer(x)
latent = encoder.norm(x)
ledger.note("6 encoder", latent, [CLS, *kept])

# %% [markdown]
# This is the whole encoder. Its blocks never got a vector for patch 101, and no mask token in its place.
#
# ### The decoder
#
# It has a width of its own. Then come the mask tokens, and everything is brought into reading order.

# %%
narrow = decoder.embed(latent)
ledger.note("7 embed to the decoder's width", narrow, [CLS, *kept])

# %%
cls, visible = narrow[:, :1], narrow[:, 1:]
masks = decoder.mask_token.expand(1, len(hidden), -1)
listed = torch.cat([visible, masks], dim=1)
ledger.note("8 append mask tokens", listed, kept + hidden)

# %%
restored = listed[:, ids_restore[0]]
ledger.note("9 restore the order", restored, every)

# %%
located = restored + decoder.pos_embed
ledger.note("10 add position", located, every)

# %%
x = torch.cat([cls, located], dim=1)
for layer in decoder.blocks:
    x = layer(x)
decoded = decoder.norm(x)
ledger.note("11 class token, decoder", decoded, [CLS, *every])

# %%
pred = decoder.pred(decoded[:, 1:])
ledger.note("12 predict pixels", pred, every, pixels=True)

# %%
errors = (pred - patches).square().mean(dim=2, keepdim=True)
ledger.note("13 loss: errors of hidden patches", errors[:, hidden], hidden)

# %% [markdown]
# ### The journey as a film
#
# The same steps, recorded. **Predict**, then move the slider, by mouse or arrow keys:
# 1. From which step to which is patch 101 not in the list?
# 2. When does it get a vector again, and does that vector know anything about the photo?
# 3. At which step do patch 101 and the other hidden patches begin to differ?

# %%
journey_flipbook(ledger, cfg)

# %%
ledger

# %% [markdown]
# **Explain.**
# 1. From 4 to 7. All of the encoder lies in between.
# 2. At 8 it gets the mask token, a constant. The photo could be any other.
# 3. At 10. Up to 9 all mask tokens are equal; the position is the first thing that tells 101 from its fellows. What the
#    photo has to do with it comes at 11, when attention lets it look at the visible patches.
#
# Patch 17 is predicted as well (step 12), but its error is not counted, so nothing asks for a good copy.
#
# Was it really the model that you ran? Not nearly the same numbers: the same.

# %%
out = model(photo, mask)
assert torch.equal(latent, out.latent)
assert torch.equal(pred, out.pred)
torch.testing.assert_close(errors[:, hidden].mean(), out.loss)
print(f"latent and prediction are equal bit for bit; loss {out.loss:.4f}")

# %% [markdown]
# ### When a step goes wrong
#
# Three bugs around step 9. The first adds to each token the position it should have, and never restores the order. The
# second does so with the mask tokens in front. The third leaves step 9 out and adds positions in reading order all the
# same. No shape changes, nothing is raised. **Predict** what each of them paints.


# %%
def paint(tokens, positions):
    x = torch.cat([cls, tokens + positions], dim=1)
    for layer in decoder.blocks:
        x = layer(x)
    return ml.unpatchify(decoder.pred(decoder.norm(x)[:, 1:]), cfg.patch_size, cfg.grid_size)


# %%
pos, turned = decoder.pos_embed, torch.cat([masks, visible], dim=1)
painted = {
    "right": paint(restored, pos),
    "1 never restored": paint(listed, pos[kept + hidden]),
    "2 mask tokens in front": paint(turned, pos[hidden + kept]),
    "3 other patches' positions": paint(listed, pos),
}

# %%
show_pictures(
    {name: ml.to_uint8(picture, cfg)[0] for name, picture in painted.items()},
    alt="Four outputs of the decoder: a meadow under mountains, blurred; the same torn into strips that slide to the "
    "left, twice; and a meadow again, with all visible patches as noise in the upper rows.",
)

# %%
for name, picture in painted.items():
    off = (ml.patchify(picture, cfg.patch_size) - patches).square().mean(dim=2)
    print(f"{name:28} error on hidden patches {off[mask].mean():.3f}")

# %% [markdown]
# **Explain.** 1 and 2 paint every patch well and put it down at its place in the list. 3 is the sly one. Its lower part
# is almost right, though every visible token came with the position of another patch: what the encoder returns still
# carries the position of step 3, and the decoder goes by that too. Such a picture passes at a glance. The error tells.
#
# > **Bug museum.** 1 is an early Keras implementation
# > ([issue 14](https://github.com/ariG23498/mae-scalable-vision-learners/issues/14)): positions were right and so was
# > attention, but what came out was made into a picture as if it stood in reading order. 2 was found in vit-pytorch
# > ([issue 241](https://github.com/lucidrains/vit-pytorch/issues/241)): harmless for its loss, wrong for every picture
# > drawn from it.

# %% [markdown]
# ### A reader's question: why is the class token taken out and put back?
#
# Asked of the authors ([mae, issue 23](https://github.com/facebookresearch/mae/issues/23)). Look at step 8: the class
# token is set aside, and it returns after the order is restored. **Predict**: is this needed?

# %%
places = torch.cat([torch.zeros(1, 1, dtype=torch.long), 1 + ids_restore], dim=1)  # the class token stays at 0
together = torch.cat([cls, visible, masks], dim=1)[:, places[0]]
print("ids_restore has", ids_restore.shape[1], "places, the list with the class token", together.shape[1])
print("carried along, the same list:", torch.equal(together, torch.cat([cls, restored], dim=1)))

# %% [markdown]
# **Explain.** It is not. `ids_restore` knows patches only, and the class token is none: it is never hidden, never
# restored, never painted. One can carry it along if every index grows by one, which is easy to forget. Taking it out is
# plainer; that was the authors' reason too.
#
# > **Bug museum.** [IcarusWizard/MAE](https://github.com/IcarusWizard/MAE/issues/17) carries it along, and for a while
# > counted it among the visible patches when it marked the hidden ones: one hidden patch had no loss.
#
# ### Exercise 2: where does the class token go?
#
# > **Difficulty** 3 of 5 · **Time** 10 minutes
#
# Write steps 8 to 11 up to the first block. `x` (b, 1 + n_keep, d) is the embedded latent, class token first;
# `mask_token` is (1, 1, d), `ids_restore` (b, n), `pos_embed` (n, d). Return what the first block gets, (b, 1 + n, d).
#
# <details><summary>Hint 1</summary>
#
# Take the class token off, then do as in exercise 1. How many mask tokens, if x has 1 + n_keep tokens?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Positions are added when the patches are in order and the class token is not yet in front: it has no position.
#
# </details>


# %%
def decoder_input(x, mask_token, ids_restore, pos_embed):
    (b, n), d = ids_restore.shape, x.shape[2]
    ### BEGIN SOLUTION
    cls, visible = x[:, :1], x[:, 1:]
    masks = mask_token.expand(b, n - visible.shape[1], d)
    listed = torch.cat([visible, masks], dim=1)
    full = listed.gather(1, ids_restore[..., None].expand(-1, -1, d))
    return torch.cat([cls, full + pos_embed], dim=1)
    ### END SOLUTION


check.decoder_input(decoder_input)

# %% [markdown]
# ## Does it really not see them?
#
# A claim that one can test: replace every hidden pixel by noise. **Predict**: how many of the predicted numbers change?
# And the loss?

# %%
hidden_pixels = ml.pixel_mask(mask, cfg.grid_size, cfg.patch_size)
noise = torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))
other = torch.where(hidden_pixels, noise, photo)
again = model(other, mask)
print("predicted numbers that changed:", (again.pred != out.pred).sum().item(), "of", out.pred.numel())
print(f"loss before {out.loss:.3f}, after {again.loss:.3f}")

# %%
pictures = {"photo": photo, "hidden pixels: noise": other}
for name, one in (("painted from the photo", out), ("painted from the noise", again)):
    pictures[name] = ml.unpatchify(one.pred, cfg.patch_size, cfg.grid_size)
show_pictures(
    {name: ml.to_uint8(picture, cfg)[0] for name, picture in pictures.items()},
    alt="The photo, the same with noise on all hidden patches, and what the model paints for each: the same picture.",
)

# %% [markdown]
# **Explain.** Not one bit of the prediction changed: hidden pixels are the answer, never a part of the question. The
# loss did change, for it compares with other pixels now.
#
# The other way round: brighten patch 17, which is visible. **Predict**: how many patches are painted differently?

# %%
spot = torch.arange(cfg.num_patches)[None] == 17
brighter = photo + ml.pixel_mask(spot, cfg.grid_size, cfg.patch_size)
changed = (model(brighter, mask).pred != out.pred).any(dim=2)
print("patches painted differently:", changed.sum().item(), "of", cfg.num_patches)

# %% [markdown]
# **Explain.** All. Attention mixes every token of its list with every other, and with nothing outside of the list.
#
# ### A reader's question: why is every patch embedded, if most are dropped?
#
# In step 2 the hidden patches are embedded, and the encoder was said to work on visible ones only. A reader asked
# whether the embedding is then *trained* on hidden patches
# ([mae, issue 145](https://github.com/facebookresearch/mae/issues/145)). **Predict**, then run: embed the visible
# patches alone, and compare the gradients that the embedding gets from the photo and from the noise.

# %%
filters = encoder.patch_embed.weight.permute(0, 2, 3, 1).flatten(1)  # as a matrix, see notebook 02
alone = patches[:, kept] @ filters.T + encoder.patch_embed.bias + encoder.pos_embed[kept]
print(f"embedded alone or picked afterwards, largest difference: {(alone - seen).abs().max():.6f}")

# %%
gradients = []
for imgs in (photo, other):
    with torch.enable_grad():
        size = encoder(imgs, ids_keep).square().mean()
        gradients += torch.autograd.grad(size, encoder.patch_embed.weight)
print("the same gradient from photo and noise:", torch.equal(*gradients))

# %% [markdown]
# **Explain.** Each patch is embedded by itself, so it makes no difference whether one drops patches before or after.
# What is dropped gets no gradient, and so it trains nothing. One convolution over the whole image is simply less code,
# and it is cheap, as you will see.

# %% [markdown]
# ## One block
#
# Why may the list be short? Look into a block. Each token makes a query, a key and a value; it weighs all values by how
# well its query fits their keys, in several heads. Then an MLP treats each token by itself.


# %%
def attention(x, layer):
    b, n, d = x.shape
    heads = layer.num_heads
    q, k, v = layer.qkv(x).reshape(b, n, 3, heads, d // heads).permute(2, 0, 3, 1, 4)  # each (b, heads, n, d / heads)
    fit = q @ k.transpose(2, 3) / (d // heads) ** 0.5  # (b, heads, n, n): every token with every token
    mixed = fit.softmax(dim=3) @ v
    return layer.proj(mixed.transpose(1, 2).reshape(b, n, d))


# %%
def block(x, layer):
    x = x + attention(layer.norm1(x), layer.attn)
    return x + layer.mlp.fc2(F.gelu(layer.mlp.fc1(layer.norm2(x))))


# %% [markdown]
# These two functions are the package's `Block`, and also the one of
# [timm](https://github.com/huggingface/pytorch-image-models), the library that most code in this field uses.

# %%
from timm.models.vision_transformer import Block

timms = Block(cfg.embed_dim, cfg.num_heads, qkv_bias=True).eval()
timms.load_state_dict(encoder.blocks[0].state_dict())
timms.norm1.eps = timms.norm2.eps = cfg.layer_norm_eps
mine = block(entering, encoder.blocks[0])
torch.testing.assert_close(mine, encoder.blocks[0](entering))
torch.testing.assert_close(mine, timms(entering))
print("equal to mae_lite's and to timm's block")

# %% [markdown]
# **Predict**: how many weights must be added or changed, for the same block to take all 197 tokens instead of 50?

# %%
whole_image = torch.cat([encoder.cls_token, placed], dim=1)
for given in (entering, whole_image):
    weights = sum(weight.numel() for weight in encoder.blocks[0].parameters())
    print(tuple(given.shape), "->", tuple(block(given, encoder.blocks[0]).shape), "with", f"{weights:,} weights")

# %% [markdown]
# **Explain.** None. No weight knows how long the list is. So the encoder can be trained on a quarter of the tokens and
# used on all of them, without a mask token to stand in for what is missing. A convolution could not: it needs something
# at every place of its grid.

# %% [markdown]
# ## What it costs
#
# Count multiply-adds for T tokens of width d. A matrix product of (T, d) with (d, k) takes T x d x k.
#
# | in each block | multiply-adds |
# |:--|:--|
# | queries, keys, values, projection | 4 T d² |
# | MLP, four times as wide inside | 8 T d² |
# | fit of every pair, mixing of values | 2 T² d |


# %%
def block_cost(t, d):
    return 12 * t * d * d + 2 * t * t * d


# %%
def encoder_flops(cfg, t):
    embed = cfg.num_patches * cfg.patch_dim * cfg.embed_dim
    return 2 * (embed + cfg.depth * block_cost(t, cfg.embed_dim))


# %%
def decoder_flops(cfg, t):
    d, everything = cfg.decoder_embed_dim, 1 + cfg.num_patches
    ends = t * cfg.embed_dim * d + cfg.num_patches * d * cfg.patch_dim
    return 2 * (ends + cfg.decoder_depth * block_cost(everything, d))


# %% [markdown]
# `t` is what the encoder gets, the class token included; the factor 2 counts a multiply-add as two operations. Compare
# with the package, whose tests compare with PyTorch's own counter.

# %%
from mae_lite.measure.cost import count_flops

for sizes in ml.PRESETS.values():
    everything = 1 + sizes.num_patches
    for t, extra in ((everything - round(0.75 * sizes.num_patches), False), (everything, True)):
        counted = count_flops(sizes, 0.75, mask_tokens_in_encoder=extra)
        assert (encoder_flops(sizes, t), decoder_flops(sizes, t)) == (counted.encoder, counted.decoder)
print("equal to mae_lite.measure.cost.count_flops for", ", ".join(ml.PRESETS))

# %% [markdown]
# Suppose the encoder got mask tokens too: 197 tokens instead of 50, nearly four times as many. **Predict** for ViT-L:
# how many times more operations does the encoder need, and how many the whole model?

# %%
large = ml.PRESETS["large"]
encoder_ratio = encoder_flops(large, 197) / encoder_flops(large, 50)
whole = [encoder_flops(large, t) + decoder_flops(large, t) for t in (197, 50)]
embedding = 2 * large.num_patches * large.patch_dim * large.embed_dim / encoder_flops(large, 50)
print(f"ViT-L, 75 % hidden: encoder x {encoder_ratio:.1f}, encoder and decoder x {whole[0] / whole[1]:.1f}")
print(f"embedding all patches, hidden ones too: {embedding:.1%} of the encoder's operations")

# %% [markdown]
# **Explain.** The encoder follows the number of tokens closely: most of its work is done on each token alone, and only
# the pairs fall with the square. The decoder has all tokens either way, so the whole gains less. The paper has 3.3x for
# this (Table 1c); its rules of counting are not given, so a difference in the first decimal is no surprise.

# %% [markdown]
# ### Exercise 3: predict the speed-up
#
# > **Difficulty** 2 of 5 · **Time** 5 minutes
#
# ViT-B, images of 224 x 224, patches of 16 x 16, 75 % hidden. How many times fewer operations does the **encoder** do
# without mask tokens? Work it out on paper or with the functions above, as one number. 5 % off is close enough.
#
# <details><summary>Hint</summary>
#
# The sizes are `ml.PRESETS["base"]`. With the class token it is 197 tokens against 50.
#
# </details>

# %%
predicted = encoder_flops(ml.PRESETS["base"], 197) / encoder_flops(ml.PRESETS["base"], 50)  # SOLUTION
check.speed_up(predicted)

# %% [markdown]
# ## What the clock says
#
# Operations are not time. So take the time: how many milliseconds one core of this machine works on an image, the best
# of a few tries. A mask token costs what a patch costs, so the encoder with mask tokens is timed by giving it all
# patches.

# %%
import time
import timeit


def milliseconds(run, number=1, repeat=5):
    return 1000 * min(timeit.repeat(run, timer=time.process_time, number=number, repeat=repeat)) / number


threads = torch.get_num_threads()
torch.set_num_threads(1)

# %% [markdown]
# **Predict** from exercise 3: if ViT-B's encoder needs half a second with mask tokens, what does it need without?

# %%
base = ml.MAEEncoder(ml.PRESETS["base"]).eval()  # random weights: speed does not depend on them
for b in (1, 4):
    imgs, ids = torch.randn(b, 3, 224, 224), ids_keep.expand(b, -1)
    with_masks = milliseconds(lambda imgs=imgs: base(imgs), repeat=2) / b
    without = milliseconds(lambda imgs=imgs, ids=ids: base(imgs, ids), repeat=2) / b
    print(f"ViT-B encoder, {b} at once, an image takes {with_masks:.0f} ms with mask tokens, ", end="")
    print(f"{without:.0f} ms without: x {with_masks / without:.1f}")

# %% [markdown]
# **Explain.** That is the bargain: the same photo, the same weights, and most of the work not done. With one image at a
# time the factor stays below the formula's, since all weights are fetched from memory however short the list;
# several images share that. The paper timed whole trainings (Table 2, ViT-L, 8 decoder blocks): 42.4 hours with mask
# tokens in the encoder, 15.4 without, and a better model.
#
# Now the bundled model's encoder at several ratios, beside the formula, which is brought to milliseconds by the time
# for all tokens. **Predict**: where will the clock and the formula differ most?

# %%
ratios = (0.0, 0.25, 0.5, 0.75, 0.9)
pair = torch.cat([photo, other])
measured = []
for ratio in ratios:
    ids, _ = ml.ids_from_mask(ml.random_mask(cfg.num_patches, ratio, batch_size=2))
    measured.append(milliseconds(lambda ids=ids: encoder(pair, ids), number=2) / 2)
formula = [measured[0] * count_flops(cfg, ratio).encoder / count_flops(cfg, 0.0).encoder for ratio in ratios]

# %%
lines = {"with mask tokens": [measured[0]] * len(ratios), "visible only, by formula": formula}
show_times(ratios, lines | {"visible only, measured": measured}, title="the bundled model's encoder, one image")

# %%
for ratio, ms, expected in zip(ratios, measured, formula, strict=True):
    print(f"{ratio:4.0%} hidden: {ms:6.1f} ms measured, {expected:6.1f} ms by formula, x {measured[0] / ms:.1f}")
torch.set_num_threads(threads)

# %% [markdown]
# **Explain.** The clock follows the formula: what is not in the list is not paid for. It strays where little is left to
# do, for the formula leaves out what every call costs however short the list, and softmax and norms; and where another
# program disturbs the measurement, so run it twice before you believe a bend.
#
# The ratio decides how many patches are **seen**. How many there **are** is decided by the image and the patch: twice
# the side of the image, or half the side of a patch, and there are four times as many. **Predict**: will ViT-B then
# take four times as long, less, or more? Points are a clock, dashes the formula, drawn through the slowest point
# (`python benchmarks/scaling.py`, on the machine named below the figure).

# %%
show_scaling()

# %% [markdown]
# **Explain.** Less, the more so the smaller the image. By the formula it is a little more than four times, since work
# on single tokens grows with their number and work on pairs with its square. But all weights have to be fetched from
# memory however short the list is, and short lists fill the processor badly: there the points lie above the dashes.
# And hiding does nothing for the decoder: with nearly everything hidden the encoder is down to a fifth of its time,
# the whole model only to two fifths.
#
# ### So why does the encoder never see a mask token?
#
# 1. **It is cheaper.** Nothing is computed for what is not in the list: look at the milliseconds above. What is saved
#    can go into a larger encoder or a longer training.
# 2. **It is closer to use.** In use the encoder gets whole images and no mask token. Had it been trained with three
#    mask tokens to each patch, it would be given something it never met. The paper's encoder with mask tokens reaches
#    59.6 % in linear probing, without them 73.5 % (Table 1c, ViT-L).
# 3. **It is possible**, since a Transformer does not need a full grid and positions are in the tokens.

# %% [markdown]
# ## How small must the decoder be?
#
# The decoder gets **all** tokens, four times as many as the encoder, so it has to be cheap for each of them. The
# paper's has 8 blocks of width 512, under 10 % of the encoder's computation per token (section 3, for ViT-L).
# **Predict**: is this small decoder small beside ViT-B too? And beside the bundled encoder, with its width of 192?

# %%
from dataclasses import replace

papers = {"decoder_depth": 8, "decoder_embed_dim": 512, "decoder_num_heads": 16}
models = {"ViT-H": ml.PRESETS["huge"], "ViT-L": large, "ViT-B": ml.PRESETS["base"]}
models |= {"bundled": cfg, "bundled, the paper's decoder": replace(cfg, **papers)}

# %%
print(f"{'encoder':30}{'decoder':>10}{'cost per token':>18}{'share of a pass':>18}")
for name, sizes in models.items():
    full, masked = count_flops(sizes, 0.0), count_flops(sizes, 0.75)
    size = f"{sizes.decoder_depth} x {sizes.decoder_embed_dim}"
    print(f"{name:30}{size:>10}{full.decoder / full.encoder:18.0%}{masked.decoder / masked.total:18.0%}")

# %% [markdown]
# **Explain.** *Cost per token* compares the decoder with the encoder, both on all tokens. Beside ViT-L the paper's
# decoder is small; beside ViT-B it is not, and there it takes more than half of a training pass, though it is thrown
# away afterwards. On the bundled encoder it would cost several times what the encoder costs. A small encoder needs a
# smaller decoder, or the asymmetry turns round.
#
# Does a smaller one harm? Fine-tuning hardly: with one block instead of eight it reaches 84.8 % instead of 84.9 %.
# Linear probing falls from 73.5 % to 65.5 % (Table 1a). Under a shallow decoder the encoder's last blocks must work
# towards pixels themselves; fine-tuning can undo that, a linear probe cannot.

# %% [markdown]
# ### Exercise 4: the shape table
#
# > **Difficulty** 2 of 5 · **Time** 10 minutes
#
# Two images of 160 x 240 pixels, 3 channels, patches of 16 x 16; 80 % hidden; encoder 384 wide, decoder 256. Fill in
# the shapes, as tuples, without running a model: *patches* as pixels; *tokens*, all embedded; *visible*, those that are
# kept; *latent*, the encoder's output; *restored*, the decoder's list in order; *decoder*, what its blocks get; *pred*,
# its output; *errors*, the mean squared error of each patch.
#
# <details><summary>Hint</summary>
#
# 10 x 15 patches. Ask at each line: all patches or the visible ones? With the class token or without? Which width?
#
# </details>

# %%
shapes = {}
shapes["patches"] = (2, 150, 768)  # SOLUTION
shapes["tokens"] = (2, 150, 384)  # SOLUTION
shapes["visible"] = (2, 30, 384)  # SOLUTION
shapes["latent"] = (2, 31, 384)  # SOLUTION
shapes["restored"] = (2, 150, 256)  # SOLUTION
shapes["decoder"] = (2, 151, 256)  # SOLUTION
shapes["pred"] = (2, 150, 768)  # SOLUTION
shapes["errors"] = (2, 150)  # SOLUTION
check.shape_table(shapes)

# %% [markdown]
# ## Key takeaways
# - The encoder's list holds visible patches and the class token. Hidden patches are not blanked out but left out.
# - A mask token is one learned vector for all. It joins after the encoder, and its position makes it one of its kind.
# - Restoring the order is one gather; left out or turned round it raises no error, and the picture is wrong.
# - No hidden pixel reaches the prediction. This can be tested to the last bit.
# - Cost follows the list's length. Leaving three of four patches out makes the encoder about four times cheaper; the
#   decoder, which gets them all, has to be small beside it.
#
# ## Quiz
# **1.** At 90 % hidden, does the decoder get cheaper?
# <details><summary>Answer</summary>
#
# Hardly. It gets a token for every patch at any ratio; only embedding the latent to its width has fewer tokens to do.
#
# </details>
#
# **2.** Two hidden patches: what is different between them when they enter the decoder's first block?
# <details><summary>Answer</summary>
#
# Only the position that was added. The mask token is the same, and nothing of their pixels is there.
#
# </details>
#
# **3.** Your model trains, the loss falls, but the pictures look like the photo cut up and laid out anew. Where do you
# look first?
# <details><summary>Answer</summary>
#
# At the restoring: is `ids_restore` applied, to (visible, mask tokens) in this order, without the class token, and
# before the positions are added?
#
# </details>
#
# ## To discuss
# 1. The encoder is never told where the holes are. Can it find out? Would it help it to know?
# 2. Why not leave out most of the mask tokens in the decoder as well, and paint a few hidden patches only? What would
#    you lose, and what would you measure?
# 3. The decoder is thrown away after training. Is it then wasteful to train it well?
# 4. Batches need equally many visible patches in each image. What would you do if you wanted another ratio for each?
#
# ## Further reading
# - He et al. 2021: *Masked Autoencoders Are Scalable Vision Learners*,
#   [arXiv 2111.06377](https://arxiv.org/abs/2111.06377). Section 3 for encoder and decoder, section 4.1 and Tables 1
#   and 2 for mask tokens, decoder size and time.
# - Fu et al. 2024: *Rethinking Patch Dependence for Masked Autoencoders* (CrossMAE),
#   [arXiv 2401.14391](https://arxiv.org/abs/2401.14391): a decoder whose mask tokens look at visible patches only.
# - Devlin et al. 2018: *BERT*, [arXiv 1810.04805](https://arxiv.org/abs/1810.04805): where mask tokens come from, with
#   a remedy of its own for never meeting them in use (section 3.1).
#
# {navigation}
