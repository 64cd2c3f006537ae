# %% [markdown]
# # 11 Indicators in CNNs
#
# Why did masked autoencoding come to vision so late? One of the paper's three reasons is a half-sentence: it was *not
# straightforward to integrate "indicators"*, such as mask tokens or positional embeddings, into convolutional networks.
# A reader stopped at that word and asked: why not? Could a convolution not take an indicator as another channel, as
# values at its end, as something laid over the pixels? Could the coding be gradual, from colours to meaning? Here each
# of these questions has a heading, and an answer that was measured.
#
# **You will be able to**
# - say what an indicator is, and why a convolution has no free place for one;
# - write partial and gated convolution, and add positions as channels;
# - show how the pattern of a mask dissolves with depth, and what stops it;
# - tell by numbers which of a reader's proposals help in a small race, and which do not;
# - design a "semantic convolution" of your own, race it, and report the result as it is.
#
# **Time** 35 minutes to read and run, 60 more with the four exercises. **Needs** knowing convolution, and
# [encoder and decoder](04_encoder_decoder.ipynb). No GPU.
#
# {navigation}

# %%
import torch
import torch.nn.functional as F

import mae_lite as ml
from mae_course.exercises import indicators_in_cnns as check
from mae_course.figures import indicators_in_cnns as figures
from mae_course.figures.looking_inside import show_by_layer, show_table
from mae_course.studies import conv_blocks, design, fillers, indicators
from mae_course.studies import indicator_answers as answers
from mae_lite.show.figures import show_maps

_ = torch.set_grad_enabled(False)  # only the race at the end trains, and says so

# %% [markdown]
# ## What is an indicator, and why had a convolution no place for it?
#
# A Transformer takes a list. A hidden patch can be left out, or a vector of its own can stand in its place: the mask
# token. Where a patch belongs is one more vector, added to it. Both are **indicators**: they tell not what is in the
# picture but *how to read it*. A convolution takes a full grid of colours, so something has to stand where a patch is
# hidden. The usual choice is 0, which for normalised pixels is the mean colour.
#
# Take a photo in which one patch *is* of the mean colour. **Predict**: a network of convolutions gets it once as it is,
# and once with just that patch hidden. How much do the two outputs differ?

# %%
task = indicators.TASK  # photos of 64 x 64, patches of 8 x 8
grey = ml.load_image(ml.asset_path("photos", "cat.jpg"), task)
grey[:, :, 24:32, 24:32] = 0
nothing, patch = torch.zeros(2, 1, 1, 64, 64, dtype=torch.bool)
patch[:, :, 24:32, 24:32] = True

# %%
torch.manual_seed(0)
for kind in ("zeros", "mask channel"):
    net = fillers.make_filler(kind)
    print(f"{kind:13} largest difference {(net(grey, nothing) - net(grey, patch)).abs().max():.4f}")

# %% [markdown]
# **Explain.** Not at all: 0 is a colour like any other, and to plain convolutions *grey* and *missing* are one thing.
# A network that is told, here by one more channel, can treat them differently. That is all an indicator is for. (How
# much this matters is another question: in a photo few patches are exactly grey, so hidden ones can be guessed.)
#
# ## The race
#
# Twelve networks, one task: fill 75 % hidden patches of photos of 64 x 64 pixels. All have the same number of weights
# as nearly as their widths allow, see the same crops and masks for as many steps, and work on cells of 4 x 4 pixels in
# six blocks. Only one thing differs: how a network is told what is hidden, and where it is.

# %%
records = answers.race_records()
print(answers.describe_race(records))
for kind, words in fillers.KINDS.items():
    print(f"  {kind:18} {words}")

# %% [markdown]
# Before you go on, write down your order: which will be first, which last, and which of them will be worse than
# "zeros", which is told nothing? In each section below a cell reads the answer from the records. A difference of means
# counts from twice its own deviation, as in [notebook 08](08_results.ipynb#Seed-noise). The deviation of a run is taken
# from the seeds of all convolutional networks together; where the Transformer takes part, from the two alone.
#
# ## Could it be another channel?
#
# The simplest idea: beside red, green and blue a fourth channel, 1 where a pixel is hidden and 0 where not.
# **Predict**: does it help, and by more or less than a tenth of the error?

# %%
print(answers.answer(records, "mask channel"))

# %% [markdown]
# **Explain.** Nothing in a convolution forbids a fourth channel. The network without it is not blind, though: a hidden
# patch is a square of equal pixels with sharp sides, always at a multiple of 8. Two blocks are wide enough to recognise
# that. So the channel saves a network something it can find out for itself, and the sentence above says how much that
# was worth here.
#
# ## Could it be values at the end of the convolution?
#
# The reader's first thought: let the convolutions run, and append the indicator to what comes out. In "at the end"
# mask, row and column join the features before the last block. "mask and position" has the same three at the start.
# **Predict**: which one is better?

# %%
print(answers.answer(records, "at the end"))
print(answers.answer(records, "at the end", against="mask and position"))

# %% [markdown]
# **Explain.** At the end the indicator can still say *paint here*, but it comes too late for everything before: five
# blocks have mixed the grey of the holes into the features of their neighbours, and had to find out by themselves which
# part to distrust. What the numbers above say about it, they say for six blocks.
#
# ## Could it be a value laid over the pixels?
#
# "embedding" has a learned vector that replaces the features of hidden cells right after the first layer: BERT's mask
# token, in a convolutional network. **Predict**: is that better than a mask channel, worse, or the same?

# %%
print(answers.answer(records, "embedding"))
print(answers.answer(records, "embedding", against="mask channel"))

# %% [markdown]
# Now compare what the two *can* do. All 16 pixels of a hidden cell are 0 and all 16 of its mask channel are 1. So the
# first layer gives one vector for all hidden cells: its bias and the sum of 16 weights. Choose these to make the token:

# %%
laid, channel = fillers.Filler("embedding", 24), fillers.Filler("mask channel", 24)
same = {name: weight for name, weight in laid.state_dict().items() if name != "mask_token"}
extra = (laid.mask_token[0] - laid.stem.bias[:, None, None]) / 16
same["stem.weight"] = torch.cat([laid.stem.weight, extra.expand(24, 4, 4)[:, None]], dim=1)
channel.load_state_dict(same)
torch.testing.assert_close(channel(grey, patch), laid(grey, patch))
print("the same pictures from both")

# %% [markdown]
# **Explain.** Where whole cells are hidden, *another channel* and *a value laid over* are one proposal in two wordings:
# a free vector for hidden cells. They begin from other random numbers and may learn at another pace, and that is all
# that can lie between their results.
#
# ## Could the convolution itself leave out what is hidden?
#
# An indicator that is only *fed in* can be ignored. Three operations obey it.
# - **Partial convolution** (Liu et al. 2018) sums over the known cells of a window only, and scales the sum up for
#   those that miss. A cell with a known neighbour is known afterwards.
# - **Gated convolution** (Yu et al. 2019) lets a second convolution decide, cell by cell, how much of the first passes.
#   The mask is a channel of its input, so it can learn partial convolution, or something better.
# - **Sparse convolution** (Graham and van der Maaten 2017) computes at visible cells only, from visible cells only.
#   Hidden ones stay empty, whatever the depth. SparK and ConvNeXt V2 build masked autoencoders on it: the encoder is
#   sparse, then mask tokens are put into the holes, and a small dense decoder paints. (Ours multiplies by the mask
#   after each layer, which gives the same numbers and saves no time.)
#
# ### Exercise 1: partial convolution
#
# > **Difficulty** 3 of 5 · **Time** 15 minutes
#
# `conv` is a 3 x 3 convolution with padding 1, `x` (b, d, h, w) features, `known` (b, 1, h, w) is 1 or 0. Return the
# features and what is known now. At each cell: the sum over known cells of the window, times the number of cells of the
# window that lie in the image over the number that are known, plus the bias; and 0 where no cell is known.
#
# <details><summary>Hint 1</summary>
#
# A convolution of `known` with a 3 x 3 window of ones counts the known cells. The same of a grid of ones counts the
# cells that lie in the image.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `F.conv2d(x * known, conv.weight, padding=1)` is the sum without the bias. `count.clamp(min=1)` avoids dividing by 0.
#
# </details>


# %%
def partial_conv(conv, x, known):
    window = torch.ones(1, 1, 3, 3)
    ### BEGIN SOLUTION
    inside = F.conv2d(torch.ones_like(known), window, padding=1)
    count = F.conv2d(known, window, padding=1)
    now = (count > 0).float()
    total = F.conv2d(x * known, conv.weight, padding=1) * inside / count.clamp(min=1)
    return (total + conv.bias[:, None, None]) * now, now
    ### END SOLUTION


check.partial_conv(partial_conv)

# %% [markdown]
# ### Exercise 2: gated convolution
#
# > **Difficulty** 1 of 5 · **Time** 5 minutes
#
# `conv(x)` has twice as many channels as are wanted. The first half are values, the second half gates. Return
# gelu(values) times sigmoid(gates).
#
# <details><summary>Hint</summary>
#
# `tensor.chunk(2, dim=1)` cuts the channels into halves.
#
# </details>


# %%
def gated_conv(conv, x):
    ### BEGIN SOLUTION
    value, gate = conv(x).chunk(2, dim=1)
    return F.gelu(value) * gate.sigmoid()
    ### END SOLUTION


check.gated_conv(gated_conv)

# %% [markdown]
# ### The mask dissolves
#
# Three trained networks of the race, block by block, with one photo. Above: visible cells are blue; a hidden cell that
# something visible has reached is yellow; one to which nothing has come, so that it is as in an empty picture, is
# black. Below: the features of the cells, their three main directions as colours. **Predict**: after how many blocks is
# the last black cell gone in the dense, in the partial and in the sparse network?

# %%
names = {"dense": "zeros", "partial": "partial", "sparse": "sparse"}
nets = {name: fillers.load_filler(ml.asset_path("fillers", f"{kind}.safetensors")) for name, kind in names.items()}
photo = ml.load_image(ml.asset_path("photos", "dogs.jpg"), task)
hidden = ml.pixel_mask(ml.random_mask(64, 0.75, seed=3), task.grid_size, task.patch_size)
figures.depth_flipbook(nets, ml.to_uint8(photo, task), hidden)

# %%
kinds = ("zeros", "partial", "gated", "sparse")
for kind, shares in answers.by_depth(records, "empty", kinds).items():
    print(f"{kind:8} hidden cells still empty:", "  ".join(f"{share:4.0%}" for share in shares.tolist()))

# %% [markdown]
# **Explain.** A block has two convolutions, so what is visible spreads by two cells, one patch. In the dense and in the
# partial network the shape of the mask is gone after a few blocks: every cell holds something. SparK calls this the
# *vanishing of the mask pattern*. The sparse encoder keeps it through its four blocks; the dense decoder after it then
# fills the holes, as it should. Dense and partial look alike above, and differ in what they spread: the dense one
# mixes in the grey of the holes, the partial one does not.
#
# *Reached* does not mean *forgotten*: a network can carry along which cells were hidden. Ask a linear function of the
# features for it. (R2 is 1 if it tells hidden from visible cells without fault, 0 if it can only say three quarters.)
# **Predict**: how will the line of "zeros", which is told nothing, run with depth?

# %%
kept = answers.by_depth(records, "mask_readout", ("zeros", "mask channel", "partial", "sparse"))
show_by_layer({kind: line.clamp(min=0) for kind, line in kept.items()}, "R2 of hidden or visible", first=0)

# %%
for kind, line in kept.items():
    most = f"most {line.max():.2f} after block {line.argmax()}"
    print(f"{kind:13} after the stem {line[0]:5.2f}, {most}, at the end {line[-1]:.2f}")

# %% [markdown]
# **Explain.** Right after the first layer a linear function finds little in "zeros", and all of it where the network
# was told. What comes later is the network's own doing: painting needs to know where to paint, so a network that was
# not told makes itself an indicator, and a line that rises shows it. To obey the mask is not to remember it, either:
# see which line ends lowest. Now the question that counts: does obeying pay?
#
# **Predict**: will partial, gated and sparse convolution beat the mask channel, which costs nothing?

# %%
for kind in ("partial", "gated", "sparse"):
    print(answers.answer(records, kind))
    print(answers.answer(records, kind, against="mask channel"))

# %%
film = ml.harmonic_fill(photo, hidden)
painted = {"given": torch.where(hidden, 0.0, photo), "soap film": film}
painted |= {name: torch.where(hidden, net(photo, hidden), photo) for name, net in nets.items()} | {"photo": photo}
show_table(
    {"dogs": {name: ml.to_uint8(one, task)[0] for name, one in painted.items()}},
    "A photo of two dogs with three of four patches hidden, filled by a soap film and by three networks, and whole.",
)

# %% [markdown]
# **Explain.** Read the sentences, not the pictures: on one photo at this size all fillings look alike. Mind also what
# an operation pays for obedience. Partial convolution forgets, block by block, how far away its knowledge came from.
# The gate takes half of the convolution's weights, so at equal weights the network is narrower. The sparse encoder
# cannot use four of its six blocks for the holes, so only two are left to paint. Where one of them loses in this race,
# that may be the reason. As a *pre-training* it would be judged by its features, not by its pictures.
#
# ## And position: does a convolution know where it is?
#
# The other indicator of the paper. A convolution does the same everywhere, so it should not know. *CoordConv* (Liu et
# al. 2018) tells it: two more channels with the row and the column.
#
# ### Exercise 3: positions as channels
#
# > **Difficulty** 2 of 5 · **Time** 10 minutes
#
# Append to `x` (b, c, h, w) a channel with the row and one with the column of each place, both running from -1 to 1.
#
# <details><summary>Hint 1</summary>
#
# `torch.linspace(-1, 1, h)` has h numbers. As (1, 1, h, 1) it can be expanded to (b, 1, h, w).
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.cat([x, row, column], dim=1)`
#
# </details>


# %%
def add_position(x):
    b, c, h, w = x.shape
    ### BEGIN SOLUTION
    row = torch.linspace(-1, 1, h).view(1, 1, h, 1).expand(b, 1, h, w)
    column = torch.linspace(-1, 1, w).view(1, 1, 1, w).expand(b, 1, h, w)
    return torch.cat([x, row, column], dim=1)
    ### END SOLUTION


check.add_position(add_position)

# %% [markdown]
# Is it needed? Give an untrained stack of convolutions a picture of one colour. There is nothing to see in it.
# **Predict**: what comes out of six layers with the usual padding of zeros, and what if the picture wraps around
# instead?

# %%
maps = {}
for mode in ("zeros", "circular"):
    torch.manual_seed(1)
    x = torch.ones(1, 8, 16, 16)
    for layer in range(1, 7):
        x = torch.nn.Conv2d(8, 8, 3, padding=1, padding_mode=mode)(x).tanh()
        if layer in (1, 3, 6):
            differs = (x - x[:, :, 8:9, 8:9]).abs().amax(dim=(0, 1)) > 1e-6
            maps[f"{mode}, layer {layer}"] = differs.float()

# %%
show_maps(
    maps,
    "Where an untrained stack of convolutions makes of a picture of one colour something else than in its middle, in "
    "yellow. Padded with zeros: a frame that is one cell wide after a layer, three after three, six after six. Wrapped "
    "around: nowhere.",
    columns=3,
)

# %% [markdown]
# **Explain.** The padding is an indicator that nobody meant to give: a border of zeros that every layer carries further
# in (Islam et al. 2020). Without it all places are the same. In the race "no padding" wraps the image around; otherwise
# it is as "zeros". **Predict** how well row and column can be read from the features of each, after the last block.

# %%
where = answers.by_depth(records, "position_readout", ("zeros", "no padding", "position channels", "sparse"))
show_by_layer({kind: line.clamp(min=0) for kind, line in where.items()}, "R2 of row and column", first=0)

# %%
for kind, line in where.items():
    print(f"{kind:18} after the stem {line[0]:5.2f}, after the last block {line[-1]:5.2f}")

# %%
print(answers.answer(records, "position channels"))
print(answers.answer(records, "mask and position", against="mask channel"))
print(answers.answer(records, "no padding"))

# %% [markdown]
# **Explain.** So convolutional networks did have a positional indicator, by accident, and "zeros" against "no padding"
# says how much of it a linear function can read: compare it with what two channels give. Whether knowing the place
# *helps* to paint is the other half, in the last three sentences. Photos are taken upright, with sky above, but most of
# what belongs into a hole is told by its neighbours. (Take the last sentence with care. To wrap the image around takes
# away the border, and also puts the right edge beside the left one, where it does not belong.)
#
# ## Could it be gradual, from colours to meaning?
#
# The reader's boldest idea: let the code go gradually from RGB to a *semantic* space of channels, by convolution with
# some attention, and let each place carry an indicator of what it is. What would such a *semantic convolution* look
# like? The simplest honest form we could think of is `SemanticBlock`:
# 1. each cell carries, beside its features, a few **indicator** channels; at first they say only *hidden* or *visible*;
# 2. the weights of a 3 x 3 window are not fixed: they are attention, asked by features and indicator together, so they
#    depend on *what* a cell and its neighbours are, and not on *where* they lie alone;
# 3. each block rewrites the indicator by what it has found, so it can go from *hidden* to *some kind of thing*.

# %%
block = conv_blocks.SemanticBlock(width=24)
features, kinds = torch.randn(1, 24, 6, 6, generator=torch.Generator().manual_seed(0)), torch.zeros(1, 8, 6, 6)
told = kinds.clone()
told[:, 0, 2:4, 2:4] = 1  # the first of eight indicator channels: hidden
for name, indicator in (("nothing hidden", kinds), ("four cells hidden", told)):
    after, refined = block(features, indicator)
    print(f"{name:18} indicator before {indicator.abs().mean():.3f}, after one block {refined.abs().mean():.3f}")

# %% [markdown]
# **Predict**: does it beat plain convolution at equal weights? And the mask channel? And what does it cost?

# %%
print(answers.answer(records, "semantic"))
print(answers.answer(records, "semantic", against="mask channel"))

# %%
import time

many, holes = photo.expand(32, -1, -1, -1), hidden.expand(32, -1, -1, -1)
for kind in ("zeros", "semantic"):
    net = fillers.make_filler(kind)
    started = time.perf_counter()
    net(many, holes)
    print(f"{kind:9} {time.perf_counter() - started:.2f} s for 32 photos on this machine")

# %% [markdown]
# **Explain.** Equal weights are not equal time: each cell compares itself with nine neighbours, and that is paid in
# memory and minutes. What the error says is above, and it is about *one* form of the idea, trained for minutes. That
# the indicator becomes *semantic* nobody has shown here: no loss asks for it. With windows as large as the picture, and
# tokens dropped in place of flagged, this block becomes a Transformer's.
#
# Which other indicators could there be? Whatever one knows of a place beside its colour: a segmentation map of the
# scene, the distance to the nearest visible pixel, the depth, the time of a video frame, the word that goes with it.
# Each enters in one of the ways above.
#
# ### Exercise 4: a semantic convolution of your own
#
# > **Difficulty** 4 of 5 · **Time** 30 minutes
#
# Write a block that takes features `x` (b, width, h, w) and `hidden` (b, 1, h, w), 1 for hidden cells, and gives
# features of the same shape. It should use `hidden`, keep to a window, and let what is *in* a cell have a say in how
# the cell is treated. Three of your blocks are raced against three plain ones: same photos, masks, steps, and about as
# many weights, two seeds. That takes some seconds. The check passes any block that works; whether it *wins* the verdict
# says, and you report it as it is.
#
# <details><summary>Hint 1</summary>
#
# Begin with what you have: a gated convolution over `torch.cat([x, hidden], dim=1)`, added to `x`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# A few *kinds* of cell, each with kernels of its own: one convolution gives k times as many channels, and a softmax
# over k scores of each cell mixes them. `tensor.unflatten(1, (k, -1))` takes the channels apart.
#
# </details>
# <details><summary>What makes an honest report</summary>
#
# The number of weights, both seeds, what it was compared with, the seconds, how many designs were tried before this
# one, and one thing that the race cannot show.
#
# </details>


# %%
class MyBlock(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        ### BEGIN SOLUTION
        self.kind = torch.nn.Conv2d(width + 1, 3, 1)
        self.conv = torch.nn.Conv2d(width, 3 * width, 3, padding=1)
        ### END SOLUTION

    def forward(self, x, hidden):
        ### BEGIN SOLUTION
        kinds = self.kind(torch.cat([x, hidden], dim=1)).softmax(dim=1)  # what a cell is: three shares
        values = self.conv(F.gelu(x)).unflatten(1, (3, -1))  # what each of three kernels makes of it
        return x + (kinds[:, :, None] * values).sum(dim=1)
        ### END SOLUTION


check.design(MyBlock)

# %% [markdown]
# `design.score_design(MyBlock)` gives the numbers. For a race under the conditions of the records take
# `indicators.race`, with photos of your own.
#
# A score alone does not say *why* a design wins. So take two: "Told" is a plain convolution that gets the mask as a
# channel, "Gated" is the same with a gate. **Predict**: which of the two beats plain convolution, and is it the gate?


# %%
class Told(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = torch.nn.Conv2d(width + 1, width, 3, padding=1)

    def forward(self, x, hidden):
        return x + self.conv(torch.cat([F.gelu(x), hidden], dim=1))


class Gated(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = torch.nn.Conv2d(width + 1, 2 * width, 3, padding=1)

    def forward(self, x, hidden):
        value, gate = self.conv(torch.cat([x, hidden], dim=1)).chunk(2, dim=1)
        return x + F.gelu(value) * gate.sigmoid()


# %%
for block in (Told, Gated):
    print(block.__name__, design.score_design(block))

# %% [markdown]
# **Explain.** Compare the two lines with each other before you praise a gate. And both differ from the plain block in
# one more way: they have one convolution in a block where it has two, and a shallow network gets going faster. The
# small race is a hundred steps on fifteen photos. It is good for finding out that a design does not work, and for
# little else; two seeds say how far luck goes, and a difference below it is no result.
#
# ## The whole race
#
# **Predict**: take out your order from the beginning. How many places did you get right?

# %%
answers.race_table(records)

# %%
figures.show_race(records)

# %%
questions = {"another channel": "mask channel", "at the end": "at the end", "laid over": "embedding"}
questions |= {"known cells only": "partial", "through a gate": "gated", "left out": "sparse"}
questions |= {"a place": "position channels", "gradual": "semantic", "a Transformer": "vit"}
for question, kind in questions.items():
    print(f"{question:16} {answers.answer(records, kind)}")

# %%
losers = [kind for kind in fillers.KINDS if answers.compare_kinds(records, kind) == 1]
winners = [kind for kind in fillers.KINDS if answers.compare_kinds(records, kind) == -1]
print("less error than a network that is told nothing:", ", ".join(winners) or "none")
print("more error than a network that is told nothing:", ", ".join(losers) or "none")

# %% [markdown]
# **Explain.** The two lists are the short answer to the reader. Whoever is in neither cannot be told from "zeros" by
# two seeds, and who is close to the line may change sides with a third: look at the dots. Three cautions. The training
# is short, so a design that learns fast is ahead. The task is to *paint*; a pre-training is judged by its features. And
# at equal weights a narrow network with a clever operation meets a broad one with a simple one, which is one of several
# ways to be fair.
#
# ## A reader's question: can a masked autoencoder work with a convolutional network?
#
# For some time the answer in libraries was no: the two were called incompatible. **Predict**: at equal weights and
# steps, will the Transformer beat the sparse network in the race?

# %%
print(answers.answer(records, "vit", against="sparse"))
print(answers.answer(records, "vit"))

# %% [markdown]
# **Explain.** It can. Two papers of 2023 pre-trained convolutional networks this way, both by sparse convolution.
# - **SparK** (Tian et al.) concludes that two things had been missing: convolution must skip the holes, since otherwise
#   the mask pattern vanishes and the statistics of the input shift, and the decoder must be hierarchical, since
#   convolutional networks see at several scales. With zeros in the holes instead, their ablation loses most of what
#   pre-training had gained.
# - **ConvNeXt V2** (Woo et al.) comes to the same encoder, with a decoder of a single block, and finds a further
#   obstacle: many channels of the pre-trained network were dead or all alike. Their remedy is a layer that lets
#   channels compete (GRN). Framework and network had to be changed together.
#
# So the paper's half-sentence was right and not the last word. It was *not straightforward*; it took a year and two
# papers. Where our small Transformer stands against the convolutions is printed above. It says little about the
# methods: a convolution knows from the start that neighbours belong together, a Transformer has to learn it, and the
# race is short.
#
# ## Is hiding just another noise?
#
# Long before, denoising autoencoders (Vincent et al. 2008) were asked to undo damage. The same Transformer, images and
# steps as in [notebook 08](08_results.ipynb), but every patch goes through the encoder, damaged in one of three ways,
# and the loss asks for all pixels: Gaussian noise as strong as the image, three quarters of all *pixels* grey, or three
# quarters of all *patches* grey. **Predict**: which is easiest to undo, and which leaves the best features?

# %%
noisy = answers.denoising_records()
figures.show_denoising(noisy)

# %%
for arm in ("dropped-patches", "dropped-pixels", "gaussian"):
    print("linear probe,", answers.probe_answer(noisy, arm))
    print("neighbours,  ", answers.probe_answer(noisy, arm, "knn"))

# %% [markdown]
# **Explain.** Single pixels and Gaussian noise can be undone from the pixels next to them, so most of the damage goes
# and little needs to be understood for it. With whole patches gone, neighbours tell less and more error stays. Whether
# the harder task left better features here is what the sentences say, one for each probe. (The first column compares
# unlike damages, so look at it for orientation only; MAE and *dropped patches* are both measured on hidden patches.)
#
# The comparison that isolates MAE's own idea is with *dropped patches*: the same patches are missing, but they are
# painted grey and sent through the encoder. (What leaving them out saves is measured in
# [notebook 04](04_encoder_decoder.ipynb#What-the-clock-says).)

# %% [markdown]
# ## Key takeaways
# - An indicator says how to read a place: hidden or not, and where. Zeros in the holes are no indicator, they are a
#   colour.
# - As another channel and as a value laid over hidden cells are one proposal. It costs next to nothing, and nothing in
#   a convolution forbids it.
# - Convolution spreads: what is visible leaks into the holes and the holes into what is visible. Only sparse
#   convolution keeps the mask through depth.
# - Convolutional networks knew a little of their place all along, from the zeros around the image.
# - Whether an indicator helps is a question for a race with seeds, and the answer to most of the reader's questions is
#   a number, not a yes.
#
# ## Quiz
# **1.** Every hidden pixel is set to 0. Why is that not an indicator?
# <details><summary>Answer</summary>
#
# A visible pixel can be 0 as well. The network has to guess from shapes which zeros are holes.
#
# </details>
#
# **2.** After how many 3 x 3 convolutions has every cell heard from a visible one, if the nearest is k cells away?
# <details><summary>Answer</summary>
#
# After k, since each convolution carries things one cell further. In a sparse network never.
#
# </details>
#
# **3.** A network was given no position channels, and yet its features tell something of the row. Where from?
# <details><summary>Answer</summary>
#
# From the padding: the border of zeros is felt further in with each layer. And from the picture: sky is above.
#
# </details>
#
# ## To discuss
# 1. The paper says *not straightforward*, not *impossible*. Was the lack of indicators the reason that masked
#    autoencoding came late to vision, or one reason told afterwards? What else changed between 2016 and 2021?
# 2. Which of the proposals would you expect to gain from a training a hundred times longer, and which to lose?
# 3. Equal weights, equal time, equal memory: choose one and say which kind it favours.
# 4. A semantic indicator could also be given from outside, by a network that segments. What would then be learned, and
#    from whom?
# 5. Sparse convolution is fast only with special kernels; multiplying by the mask is not. Does that change the case for
#    convolutional masked autoencoders?
#
# ## Further reading
# - Tian et al. 2023: *Designing BERT for Convolutional Networks* (SparK),
#   [arXiv 2301.03580](https://arxiv.org/abs/2301.03580).
# - Woo et al. 2023: *ConvNeXt V2* (FCMAE), [arXiv 2301.00808](https://arxiv.org/abs/2301.00808).
# - Liu et al. 2018: *Image Inpainting for Irregular Holes Using Partial Convolutions*,
#   [arXiv 1804.07723](https://arxiv.org/abs/1804.07723); Yu et al. 2019: gated convolution,
#   [arXiv 1806.03589](https://arxiv.org/abs/1806.03589).
# - Liu et al. 2018: *CoordConv*, [arXiv 1807.03247](https://arxiv.org/abs/1807.03247); Islam et al. 2020: *How Much
#   Position Information Do Convolutional Neural Networks Encode?*,
#   [arXiv 2001.08248](https://arxiv.org/abs/2001.08248).
# - Graham and van der Maaten 2017: *Submanifold Sparse Convolutional Networks*,
#   [arXiv 1706.01307](https://arxiv.org/abs/1706.01307).
# - Vincent et al. 2008: *Extracting and Composing Robust Features with Denoising Autoencoders*,
#   [ACM](https://dl.acm.org/doi/10.1145/1390156.1390294).
#
# {navigation}
