# %% [markdown]
# # 10 Looking inside
#
# Pictures of what a network does inside are easy to make, handsome, and easy to believe. This notebook makes the usual
# ones of a masked autoencoder: attention, distance, roll-out, maps of features, likeness of layers. Each stands beside
# a **control**: the same model with random weights, which has learned nothing. What the control shows as well, training
# did not put there.
#
# **You will be able to**
# - compute attention weights from queries and keys, and read them out of a running model;
# - measure how far each head looks, and follow attention through all layers by roll-out;
# - read positions out of tokens, colour them by their main directions, and compare layers by CKA;
# - say what the decoder attends to, and what it can do without;
# - falsify a handsome picture with a control and a number.
#
# **Time** 40 minutes to read and run, 45 more with the four exercises. **Needs** knowing
# [encoder and decoder](04_encoder_decoder.ipynb), queries, keys and values included. No GPU.
#
# {navigation}

# %%
import torch

import mae_lite as ml
from mae_course.exercises import looking_inside as check
from mae_course.figures.looking_inside import colour_picture, show_by_layer, show_shares, show_table
from mae_course.pages.attention_explorer import attention_explorer
from mae_lite.measure import inspection, representations
from mae_lite.measure.attention import attention_weights, decoder_attention, encoder_attention, untrained
from mae_lite.show.figures import show_maps

_ = torch.set_grad_enabled(False)  # nothing is trained here

# %% [markdown]
# ## Attention by hand
#
# Three tokens. Each has a query, what it looks for, and a key, what it offers; here two numbers each. A query is
# compared with every key by a dot product, divided by the root of their length.
# **Predict**: which token does token 0 attend to most? And how does token 2, whose query is zero, spread its attention?

# %%
queries = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
keys = torch.tensor([[0.0, 1.0], [3.0, 0.0], [1.0, 1.0]])
fit = queries @ keys.T / 2**0.5
weights = fit.exp() / fit.exp().sum(dim=1, keepdim=True)  # softmax, row by row
for row in weights.tolist():
    print("  ".join(f"{weight:.3f}" for weight in row), " sum", f"{sum(row):.3f}")

# %% [markdown]
# **Explain.** A row belongs to one query, and its weights sum to one. Token 0 asks for a large first number, and key 1
# has the largest. A query of zero fits all keys alike: one third each.
#
# A model does this in several heads, each with a part of the numbers. The layers of this package never hold the weights
# themselves, since a fused function is faster. So take a layer's input and compute them once more.


# %%
def weights_of(layer, x):
    b, t, d = x.shape
    size = d // layer.num_heads
    q, k, v = layer.qkv(x).reshape(b, t, 3, layer.num_heads, size).permute(2, 0, 3, 1, 4)
    return (q @ k.transpose(2, 3) / size**0.5).softmax(dim=3), v


# %%
model = ml.load_model(device="cpu")
cfg, grid = model.cfg, model.cfg.grid_size
photos = {path.stem: ml.load_image(path, model) for path in ml.list_photos()[:14]}
imgs = torch.cat(list(photos.values()))
print(len(photos), "photos,", cfg.depth, "layers with", cfg.num_heads, "heads, a grid of", grid)

# %%
first = model.encoder.blocks[0].attn
x = torch.randn(1, 5, cfg.embed_dim, generator=torch.Generator().manual_seed(0))
weights, values = weights_of(first, x)
mixed = (weights @ values).transpose(1, 2).reshape(x.shape)
torch.testing.assert_close(first.proj(mixed), first(x))  # what the layer computed with its fused function
torch.testing.assert_close(weights, attention_weights(first, x))
print("equal to the layer's output and to mae_lite.measure.attention.attention_weights")

# %% [markdown]
# `encoder_attention` does this in every layer while the model runs, by hooks: small functions that PyTorch calls with a
# layer's input. The control is made by `untrained`.

# %%
control = untrained(model)
models = {"Trained": model, "Random weights": control}
attention = {name: encoder_attention(one, imgs) for name, one in models.items()}
print("layers, images, heads, tokens, tokens:", tuple(attention["Trained"].shape))

# %% [markdown]
# ## Click a patch
#
# A whole photo, nothing hidden, as in use after training. **Predict**, then click a patch or walk with the arrow keys:
# 1. How will the attention of random weights look?
# 2. In which layers do heads of the trained model look at neighbours, in which all over the picture?
# 3. Put the patch on an eye. Is there a head that looks at the other eye?

# %%
which, facts = list(photos).index("cat"), {}
for name, weights in attention.items():
    far = inspection.token_distances(weights, grid)[:, which]
    most = 100 * weights[:, which, :, 1:, 1:].amax(dim=3)
    facts[name] = {"{} patches away": far, "most {} %": most}

# %%
attention_explorer(
    ml.to_uint8(photos["cat"], cfg)[0],
    {name: weights[:, which, :, 1:, 1:] for name, weights in attention.items()},
    facts,
    grid,
    alt="The face of a tabby cat, looking a little to the right.",
    start=(88, 4),
)

# %% [markdown]
# **Explain.**
# 1. Nearly even: a little more here, a little less there, and no head differs much from another.
# 2. Walk through the layers with Page Up. The middle layers have heads that look at what is near, and heads that look
#    along a column or over a region. The last ones look all over. Keep that in mind.
# 3. You may have found one; someone else may have found none. A single patch that pleases is an anecdote. So measure.
#
# ## How far they look
#
# The **mean attention distance**: for each patch the distance to every other, in patches, weighed by its attention; the
# mean over patches and photos, for each head. Dosovitskiy et al. 2020 (Figure 7) found that some heads of the lowest
# layers look near while the deep layers look far, and this has been told of Transformers ever since.
#
# ### Exercise 1: mean attention distance
#
# > **Difficulty** 3 of 5 · **Time** 15 minutes
#
# `weights` is (layers, b, heads, 1 + n, 1 + n), class token first. Return (layers, heads): the mean distance in patches
# between a patch and what it attends to. The class token is nowhere, so leave it out as a query and as a key, and bring
# each row back to a sum of one. Patch i is in row `i // columns`; distances go in a straight line.
#
# <details><summary>Hint 1</summary>
#
# First a table (n, n) of distances, from the row and the column of each patch.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `weights[..., 1:, 1:]` is what is left. Divide by its sum over the last axis, multiply by the table, sum over the last
# axis, take the mean over images and patches.
#
# </details>


# %%
def attention_distance(weights, grid_size):
    rows, columns = grid_size
    ### BEGIN SOLUTION
    i = torch.arange(rows * columns)
    where = torch.stack([i // columns, i % columns], dim=1).float()
    apart = (where[:, None] - where[None]).square().sum(dim=2).sqrt()
    among = weights[..., 1:, 1:]
    among = among / among.sum(dim=4, keepdim=True)
    return (among * apart).sum(dim=4).mean(dim=(1, 3))
    ### END SOLUTION


check.attention_distance(attention_distance)

# %% [markdown]
# **Predict**: near at the bottom, far at the top? And where will the control lie?

# %%
distance = {name: inspection.attention_distance(weights, grid) for name, weights in attention.items()}
even = inspection.patch_distances(grid).mean().item()
show_by_layer(distance, "mean distance in patches", level=("even attention", even))

# %%
controls = [untrained(model, seed) for seed in (0, 1, 2)]
ranges = torch.stack([inspection.attention_distance(encoder_attention(one, imgs[:4]), grid) for one in controls])
low, high = ranges.min().item(), ranges.max().item()
near = (distance["Trained"] < low).sum(dim=1).tolist()
print(f"three controls, all layers and heads: {low:.1f} to {high:.1f} patches; even attention {even:.1f}")
for number, heads in enumerate(near, start=1):
    print(f"layer {number:2}: {heads} of {cfg.num_heads} heads look nearer than any head of a control")

# %% [markdown]
# **Explain.** Half of the story survives, and not in its usual order. Training made heads that look near, and no
# control has one; but they look nearest in the middle of this model, not at the bottom. The other half does not
# survive: the last layers look far indeed, and so does a model that has learned nothing, in every layer. *Looks far* is
# where a head begins. It may have learned to look at the whole, or it may have learned little.
#
# Which of the two? Ask without a picture: let the encoder stop after k layers, and let the decoder make of it what it
# can. **Predict**: how much worse does the prediction get without the last layer, without the last four?

# %%
from copy import copy

mask = ml.random_mask(cfg.num_patches, 0.75, batch_size=len(imgs), seed=1)
ids_keep, ids_restore = ml.ids_from_mask(mask)
target = ml.patchify(imgs, cfg.patch_size)
for k in range(cfg.depth, 3, -1):
    short = copy(model.encoder)  # the same weights; only the list of blocks is another
    short._modules = model.encoder._modules | {"blocks": model.encoder.blocks[:k]}
    error = ml.mae_loss(model.decoder(short(imgs, ids_keep), ids_restore), target, mask)
    print(f"after {k:2} layers: error on hidden patches {error:.3f}")

# %% [markdown]
# **Explain.** Where the error stays as it was, the layer does next to nothing, however its attention looks. The
# [model card](../assets/weights/mae-lite-mini/README.md) has the reason: this model was first trained with 8 encoder
# blocks; the last four were added late, in such a way that they do nothing at first, and were trained for a short time.
# The picture alone would have passed for *deep layers integrate the whole image*. (That the model stops early is no
# flaw of the method. It says something about this checkpoint.)

# %% [markdown]
# ## Through all layers: roll-out
#
# One layer's attention says where a token looks, but by then every token is a mixture already. **Attention roll-out**
# (Abnar and Zuidema 2020) multiplies through: take the mean of the heads, give half to the residual connection, which
# passes each token on as it is, and multiply the layers, a later one on the left.
#
# ### Exercise 2: roll-out
#
# > **Difficulty** 3 of 5 · **Time** 10 minutes
#
# `weights` is (layers, b, heads, t, t). Return (b, t, t): in row i how much of each token of the input is in token i of
# the output, by this estimate. With A the mean over heads, a layer is (A + I) / 2. Every row of the result sums to one.
#
# <details><summary>Hint 1</summary>
#
# Begin with the identity, `torch.eye(t)`, and go through the layers in a loop.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Row i of `A @ B` mixes the rows of B by the weights in row i of A. A token of layer 2 mixes tokens of layer 1. So what
# came before stands on the right.
#
# </details>


# %%
def attention_rollout(weights):
    layers, b, heads, t, t = weights.shape
    ### BEGIN SOLUTION
    rolled = torch.eye(t).expand(b, t, t)
    for mean in weights.mean(dim=2):
        rolled = (mean + torch.eye(t)) / 2 @ rolled
    return rolled
    ### END SOLUTION


check.attention_rollout(attention_rollout)

# %% [markdown]
# The usual picture is the row of the class token, as a map over the photo. **Predict**: will it mark the cat's eyes and
# the dogs? Both models are drawn on one scale.

# %%
rolled = {name: inspection.attention_rollout(weights)[:, 0, 1:] for name, weights in attention.items()}
chosen = ("cat", "dogs", "nuthatch")
at = [list(photos).index(name) for name in chosen]
maps = {}
for name, rows in rolled.items():
    maps |= {f"{photo}, {name.lower()}": rows[i].reshape(grid) for photo, i in zip(chosen, at, strict=True)}

# %%
show_maps(
    maps,
    alt="Roll-out of the class token over three photos. Trained: mottled, with a trace of outlines. Random weights, "
    "below: the dogs in their window and the trunk with the bird stand out brightly against an even background.",
    columns=3,
)

# %%
known = representations.plain_facts(imgs, cfg.patch_size)[:, :, :4]  # colour and contrast of each patch
for name, rows in rolled.items():
    spread = (rows.std(dim=1) / rows.mean(dim=1)).mean()
    plain = [representations.share_explained(row[:, None], x) for row, x in zip(rows, known, strict=True)]
    print(f"{name:15} spread within a map {spread:.0%} of its mean;", end=" ")
    print(f"share that colour and contrast explain {sum(plain) / len(plain):.0%}")

# %% [markdown]
# **Explain.** Had you been shown the lower row alone, with the caption *the class token finds the dogs and the bird*,
# would you have doubted it? Those are the maps of the control. Random queries and keys do not treat all colours alike,
# and these objects differ from their background in colour; the last number says how far colour and contrast go.
#
# The colours also promise more than there is. A map runs from its own darkest to its own brightest patch, here from
# those of all six, and by the first number patches differ little. That the trained model's maps are *less* handsome
# has a reason: the class token of a masked autoencoder is asked for nothing by the loss.

# %% [markdown]
# ## Where is a patch?
#
# Each token gets its position added, once, at the very beginning: a fixed vector of sines and cosines
# ([notebook 02](02_image_as_sentence.ipynb)). How alike are the positions of different patches?

# %%
similar = representations.cosine_similarity(model.encoder.pos_embed)
corner, middle = 0, grid[1] * (grid[0] // 2) + grid[1] // 2
near = {"with the first patch": corner, "with one in the middle": middle, "with the last": cfg.num_patches - 1}
show_maps(
    {name: similar[patch].reshape(grid) for name, patch in near.items()},
    alt="Cosine similarity of the position of one patch with all others: highest at the patch, falling off in a cross "
    "along its row and its column.",
)

# %% [markdown]
# A nearby patch has a similar position, above all along the row and the column. This figure is often shown as *the
# model has learned where things are*. Here nobody learned anything: the table is a formula.
#
# Is the position still there after some layers? Ask a linear regression for it: from a token to its row and column.
#
# ### Exercise 3: read the position
#
# > **Difficulty** 2 of 5 · **Time** 10 minutes
#
# Fit a linear regression from `x` (m, d) to `y` (m, 2), the row and the column of m tokens, and return what it says for
# `asked` (m2, d), as (m2, 2). The rows begin at 0, so it needs an intercept. `torch.linalg.lstsq(a, y).solution` gives
# the best weights for a.
#
# <details><summary>Hint</summary>
#
# An intercept is the weight of a column that is 1 for every token, in `x` and in `asked`.
#
# </details>


# %%
def linear_readout(x, y, asked):
    m, d = x.shape
    ### BEGIN SOLUTION
    known = torch.cat([x, torch.ones(m, 1)], dim=1)
    weights = torch.linalg.lstsq(known, y).solution
    return torch.cat([asked, torch.ones(len(asked), 1)], dim=1) @ weights
    ### END SOLUTION


check.linear_readout(linear_readout)

# %% [markdown]
# Now for each layer. The regression is fitted on every other patch of every other photo and asked for the rest, so
# neither a photo nor a place can be learned by heart. R2 is 1 if every position is right, 0 if the guess is no better
# than *in the middle*. Dots are the row and the column, the line is their mean. **Predict**: the trained model, random
# weights, and the raw pixels of a patch?

# %%
features = {name: representations.layer_features(one, imgs) for name, one in models.items()}
found = {n: torch.stack([representations.position_readout(x, grid) for x in f]) for n, f in features.items()}
pixels = representations.position_readout(target, grid)
print(f"raw pixels: R2 of the row {pixels[0]:.2f}, of the column {pixels[1]:.2f} (below 0: worse than the middle)")
show_by_layer(found, "R2 of row and column", first=0)

# %% [markdown]
# **Explain.** *A linear probe finds the position in every layer* is true, and it is true of random weights through the
# first layers as well: it was added, and the residual connection carries it along. What survives the control is
# smaller: with random weights it fades towards the end, and the trained model keeps it. It needs to. The decoder gets
# its own positions, but the encoder's tokens must say what is *where* while they attend to each other.

# %% [markdown]
# ## Maps of features
#
# The most popular picture: the three main directions in which tokens differ (PCA), drawn as red, green and blue.
# Like tokens have like colours. **Predict**: which of the columns will show cat, dogs and bird best: raw pixels, random
# weights or the trained model?

# %%
layer, some = 6, imgs[at]
tokens = {"raw pixels": ml.patchify(some, cfg.patch_size)}
tokens |= {name.lower(): f[layer, at] for name, f in features.items()}
colours = {name: representations.pca_colours(x) for name, x in tokens.items()}

# %%
rows = {}
for k, photo in enumerate(chosen):
    rows[photo] = {"photo": ml.to_uint8(some, cfg)[k]}
    rows[photo] |= {name: colour_picture(one[k], grid, cfg.patch_size) for name, one in colours.items()}
show_table(
    rows, f"Three photos and the maps of raw pixels, of layer {layer} of the trained model, and of random weights."
)

# %% [markdown]
# Before you explain what you see, a number. `plain_facts` says of each patch what one knows without a model: its mean
# colour, its contrast, its row and column. How much of a map does a linear function of them account for?

# %%
facts = representations.plain_facts(some, cfg.patch_size).flatten(0, 1)
causes = {"colour and contrast": facts[:, :4], "row and column": facts[:, 4:], "both": facts}
for name, one in colours.items():
    shares = {cause: representations.share_explained(one.flatten(0, 1), x) for cause, x in causes.items()}
    print(f"{name:15}", ", ".join(f"{cause} {share:.0%}" for cause, share in shares.items()))

# %% [markdown]
# **Explain.** The map of random weights shows the objects nicely. It is little more than a colour picture: random
# layers pass colours on. The map of the trained model is the smoothest, with areas in place of pixels, and about half
# of it is nothing but where a patch is. In a photo of a white sheet much of it would be the same.
#
# So take that away: from every token the mean token of its place, over all photos. **Predict**: what is left? Will
# plain facts still explain less of the trained model's map than of the control's?

# %%
for name, f in features.items():
    free = f[layer] - f[layer].mean(dim=0)
    one = representations.pca_colours(free[at])
    for k, photo in enumerate(chosen):
        rows[photo][f"{name.lower()},\nplace removed"] = colour_picture(one[k], grid, cfg.patch_size)
    shares = {cause: representations.share_explained(one.flatten(0, 1), x) for cause, x in causes.items()}
    print(f"{name:15}", ", ".join(f"{cause} {share:.0%}" for cause, share in shares.items()))

# %%
kept = ("photo", "trained,\nplace removed", "random weights,\nplace removed")
show_table(
    {photo: {name: row[name] for name in kept} for photo, row in rows.items()},
    "Three photos and their maps once the mean token of each place is taken away, trained and random.",
)

# %% [markdown]
# **Explain.** Compare the last share of the two rows. Without position the trained model's map is nearly as much a map
# of colour and contrast as the control's; the lead that is left is small. So the honest caption is: *these maps show
# colour, contrast and place, and a little that is neither.* What that is, the picture does not say. For *it finds
# objects* one would need outlines drawn by people, and a measure of how well a rule finds them, for all the columns.
#
# ### Exercise 4: falsify a handsome picture
#
# > **Difficulty** 4 of 5 · **Time** 15 minutes
#
# Exhibits, each the maps of three photos, made as above at the same layer, half of them by random weights. Say which
# come from the trained model, by a number and not by looking. `maps` is (k, m, 3): for each of k exhibits the colours
# of all m patches of its photos. `facts` is (k, m, 6): colour (3), contrast, row, column of the same patches. Return
# True for the trained model's, shape (k,). You may use `representations.share_explained(map, causes)`.
#
# <details><summary>Hint 1</summary>
#
# The printed shares above have one that differs most between the two models.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Row and column are `facts[:, :, 4:]`. Put the line halfway between the two shares that were printed.
#
# </details>


# %%
def from_trained(maps, facts):
    k, m, _ = maps.shape
    ### BEGIN SOLUTION
    pairs = zip(maps, facts[:, :, 4:], strict=True)
    shares = [representations.share_explained(one, where) for one, where in pairs]
    return torch.tensor(shares) > 0.35
    ### END SOLUTION


check.from_trained(from_trained)

# %% [markdown]
# ## How alike are the layers?
#
# **CKA** (Kornblith et al. 2019) compares two descriptions of the same things: 1 if one is a rotated or scaled copy of
# the other, 0 if they have nothing in common. Each layer describes the same patches; layer 0, the embedding, is at the
# top left. **Predict**: neighbouring layers will be alike. In which of the two models more? And how alike are trained
# and random layers?

# %%
flat = {name: f[:, :6].flatten(1, 2) for name, f in features.items()}  # six photos
trained, random = flat.values()
cka = {
    "trained with itself": representations.cka_matrix(trained, trained),
    "random weights with itself": representations.cka_matrix(random, random),
    "trained (down) with random": representations.cka_matrix(trained, random),
}

# %%
show_maps(
    cka,
    alt="Three tables of CKA, layers 0 to 12 down and across. Trained: bright along the diagonal, fading from the "
    "first to the last layer, with a bright block at the end. Random weights: bright everywhere. Trained with random: "
    "bright in the uppermost rows, the first layers of the trained model, and fading downwards.",
)

# %%
for name, table in list(cka.items())[:2]:
    next_ones = table.diagonal(offset=1).mean()
    print(f"{name:26} neighbours {next_ones:.2f}, first with last layer {table[0, -1]:.2f}")
both = cka["trained (down) with random"].diagonal()
print(f"the same layer in both models: from {both[0]:.2f} for the first to {both[-1]:.2f} for the last")

# %% [markdown]
# **Explain.** Neighbours are alike in both: each layer only adds something to the stream. That says nothing about
# training. What does: from the first layer to the last the trained model has come a long way, the random one has not
# moved much. And the block at the end of the trained model, where all layers are copies of each other, are the layers
# that you found doing nothing. Two measures, one verdict.
#
# ## A reader's question: what does the decoder do?
#
# It is thrown away after training, so few look into it. Its tokens are of two kinds: visible patches, which the encoder
# understood, and hidden ones, which begin as the same mask token and know their position only.
#
# **Predict**, then click hidden and visible patches:
# 1. Where does a hidden patch look in layer 1, where it knows nothing but its place?
# 2. Do hidden patches look at each other? What could they learn there?

# %%
masked = ml.random_mask(cfg.num_patches, 0.75, seed=2)
shown = ml.reconstruct(model, photos["dogs"], masked)
decoding = {name: decoder_attention(one, photos["dogs"], masked) for name, one in models.items()}
told = {}
for name, weights in decoding.items():
    share = inspection.token_shares(weights, masked)["visible"][:, 0, :, 1:]
    told[name] = {"{} % to visible": 100 * share, "{} patches away": inspection.token_distances(weights, grid)[:, 0]}

# %%
attention_explorer(
    torch.from_numpy(shown.masked).permute(2, 0, 1),
    {name: weights[:, 0, :, 1:, 1:] for name, weights in decoding.items()},
    told,
    grid,
    alt="Two dogs looking out of a window, with three of four patches hidden behind grey.",
    kinds=["hidden" if hidden else "visible" for hidden in masked[0].tolist()],
    start=(93, 0),
)

# %%
decoding = {name: decoder_attention(one, imgs, mask) for name, one in models.items()}
shares = {name: inspection.attention_shares(weights, mask, "hidden") for name, weights in decoding.items()}
show_shares(shares, "attention of hidden patches")

# %%
visible = (1 - mask.float().mean()).item()
print(f"of all patches {visible:.0%} are visible; a hidden patch gives visible ones")
for name, kinds in shares.items():
    print(f"{name:15}", ", ".join(f"{share:.0%}" for share in kinds["visible"].mean(dim=1).tolist()), "by layer")

# %% [markdown]
# **Explain.** In the first layers hidden patches turn to visible ones, far more than these are many and more than in
# the control: they fetch what is known nearby. Some heads of layer 2 then look at the closest patches, hidden or not,
# which may pass on what they have fetched. In the last layers the shares are about those of the control, for a reason
# that you can guess by now (this decoder had two layers before it got four).
#
# Much of the attention goes from hidden to hidden. Is it needed? *CrossMAE* (Fu et al. 2024) claims that it is not. A
# number beats a share: forbid it, in all decoder layers, and look at the error. **Predict** the order of the lines.

# %%
from mae_lite.measure.attention import forward_without

bans = {"nothing": (), "the class token": ("class",), "itself": ("itself",), "other hidden": ("hidden",)}
bans |= {"other hidden and itself": ("hidden", "itself"), "visible": ("visible",)}
for name, one in models.items():
    print(f"{name}: error on hidden patches when they may not attend to")
    for words, keys in bans.items():
        print(f"    {words:24} {forward_without(one, imgs, mask, keys).loss:.3f}")

# %%
backwards = forward_without(model, imgs, mask, ("hidden",), queries="visible").loss
print(f"when visible patches may not attend to hidden ones: {backwards:.3f}")

# %% [markdown]
# **Explain.** Without visible patches the prediction breaks down; without the other hidden ones it gets a little worse;
# that visible patches look at hidden ones is of hardly any use. In the control it hardly matters what is forbidden: it
# predicts nothing.
#
# So what does the decoder do? **It lets each hidden place ask the visible patches, and turns the answers into pixels.**
# What hidden patches tell each other is a finishing touch. Mind what was measured: this decoder was *trained* with all
# of its attention, and lost some of it overnight. CrossMAE trains without from the start, and reports that nothing is
# lost. Our number cannot contradict that, and does not prove it.

# %% [markdown]
# ## Which claim survives?
#
# The claims of this notebook, each as one number, for the trained model and three controls. A claim survives if the
# trained model lies beyond all three, on the side that the claim says. By luck alone one claim in four would, so look
# at the distance as well. First all that is needed of each model: attention of both halves, and the layers' tokens.

# %%
inside, four = [], imgs[:4]
for one in (model, *controls):
    seen, asked = encoder_attention(one, four), decoder_attention(one, four, mask[:4])
    inside.append((seen, asked, representations.layer_features(one, imgs)))


# %%
def in_map(tokens, columns):
    return representations.share_explained(representations.pca_colours(tokens).flatten(0, 1), facts[:, columns])


def flatness(weights):
    rows = inspection.attention_rollout(weights)[:, 0, 1:]
    return (rows.std(dim=1) / rows.mean(dim=1)).mean()


def likeness(f):
    return representations.linear_cka(f[0, :6].flatten(0, 1), f[-1, :6].flatten(0, 1))


# %% [markdown]
# **Predict** before you run: which of the nine survive?

# %%
claims = {  # +1: the claim says that the number is large, -1: that it is small; e, d: attention, f: tokens
    "some heads look near (least distance)": (-1, lambda e, d, f: inspection.attention_distance(e, grid).min()),
    "the last layer looks far (distance)": (+1, lambda e, d, f: inspection.attention_distance(e, grid)[-1].mean()),
    "roll-out maps are not flat (spread)": (+1, lambda e, d, f: flatness(e)),
    "the first layer knows the place (R2)": (+1, lambda e, d, f: representations.position_readout(f[1], grid).min()),
    "the last layer knows the place (R2)": (+1, lambda e, d, f: representations.position_readout(f[-1], grid).min()),
    "the PCA map is more than colour (share)": (-1, lambda e, d, f: in_map(f[6, at], slice(0, 4))),
    "it is so because of place (share)": (+1, lambda e, d, f: in_map(f[6, at], slice(4, 6))),
    "first and last layer differ (CKA)": (-1, lambda e, d, f: likeness(f)),
    "hidden patches ask visible ones (share)": (
        +1,
        lambda e, d, f: inspection.attention_shares(d, mask[:4])["visible"][0].mean(),
    ),
}

# %%
for claim, (sign, measure) in claims.items():
    value, *others = [float(measure(*one)) for one in inside]
    beyond = value > max(others) if sign > 0 else value < min(others)
    numbers = f"trained {value:5.2f}, controls {min(others):5.2f} to {max(others):5.2f}"
    print(f"{claim:40} {numbers}: {'survives' if beyond else 'does not survive'}")

# %% [markdown]
# **Explain.** A claim that does not survive is not thereby false. The last layer does look far, and the first layer
# does hold the position. But training is not the reason, so they tell nothing about what was learned. And one that
# survives is not thereby interesting: read the number, and what it measures, before you retell it.

# %% [markdown]
# ## Key takeaways
# - Attention weights are a softmax over queries and keys; computed again from a layer's input they equal what it used.
# - Random weights attend nearly evenly, and so look far. Looking *near* is what a head must learn.
# - A map stretched to its own extremes always has a bright spot. Print the scale.
# - Positions and colours are in the tokens from the start. A map or a probe that finds them finds the input.
# - The decoder's hidden patches ask the visible ones; what they tell each other matters little.
#
# ## Quiz
# **1.** A figure shows that all heads of the last layer attend to the whole image. What do you ask for first?
# <details><summary>Answer</summary>
#
# The same figure for random weights, and what changes if the layer is left out.
#
# </details>
#
# **2.** Why must a roll-out add the identity in every layer?
# <details><summary>Answer</summary>
#
# A layer's output is its input plus what attention adds. Without the identity a token would lose itself in each layer.
#
# </details>
#
# **3.** A regression reads the column of a patch out of layer 3 almost perfectly. Has the model learned geometry?
# <details><summary>Answer</summary>
#
# Not by that alone: the position was added to every token at the start, and random weights let it through as well.
#
# </details>
#
# ## To discuss
# 1. Is a model with random weights the right control? What would a model say that was trained on shuffled patches, or
#    one trained with labels?
# 2. Forbidding attention in a trained model and training without it are different experiments. Which question does
#    each of them answer?
# 3. The mean over heads hides that heads differ. Which figure of this notebook would mislead if drawn of it alone?
# 4. Choose a picture of attention from a paper that you like. Which number would have to be printed beside it?
#
# ## Further reading
# - Abnar and Zuidema 2020: *Quantifying Attention Flow in Transformers*,
#   [arXiv 2005.00928](https://arxiv.org/abs/2005.00928): roll-out.
# - Dosovitskiy et al. 2020: *An Image is Worth 16x16 Words*, [arXiv 2010.11929](https://arxiv.org/abs/2010.11929),
#   section 4.5: attention distance and the similarity of learned positions.
# - Kornblith et al. 2019: *Similarity of Neural Network Representations Revisited*,
#   [arXiv 1905.00414](https://arxiv.org/abs/1905.00414): CKA.
# - Adebayo et al. 2018: *Sanity Checks for Saliency Maps*, [arXiv 1810.03292](https://arxiv.org/abs/1810.03292): maps
#   that look the same for random weights.
# - Fu et al. 2024: *Rethinking Patch Dependence for Masked Autoencoders* (CrossMAE),
#   [arXiv 2401.14391](https://arxiv.org/abs/2401.14391).
#
# {navigation}
