# %% [markdown]
# # 09 Transfer: what are the features worth?
#
# Nobody pre-trains to paint patches. The decoder is thrown away, and what is left is an encoder that turns a photo into
# numbers. Here you measure what these numbers know about classes, by three protocols from cheap to dear, and each time
# beside what has learnt nothing: an untrained encoder, and plain pixels.
#
# **You will be able to**
# - extract features without a mask, and say why the mask goes;
# - run nearest neighbours and a linear probe with no leak from held-out images;
# - freeze the right weights for partial fine-tuning, and read Figure 9 of the paper;
# - say why features of MAE are weak for a linear layer and strong once they are fine-tuned;
# - judge a transfer result by its controls.
#
# **Time** 35 minutes to read and run, 50 more with the four exercises. **Needs** the encoder of
# [notebook 04](04_encoder_decoder.ipynb). No GPU, no network.
#
# {navigation}

# %%
import torch
import torch.nn.functional as F

import mae_lite as ml
from mae_course.exercises import transfer as check
from mae_course.figures.transfer import blocks_flipbook, fraction_flipbook, show_accuracies, show_confusion
from mae_lite.measure import features, probes

_ = torch.set_grad_enabled(False)  # only exercise 4 needs gradients, and switches them on

# %% [markdown]
# ## A photo becomes 192 numbers
#
# In training the encoder saw a quarter of the patches. For features it gets all of them: section 4.3 applies it to
# uncorrupted images. There is no loss, no decoder, and no chance.

# %%
model = ml.load_model()
cat = ml.load_image(ml.asset_path("photos", "cat.jpg"), model)
latent = model.encoder(cat)  # no ids_keep: every patch
print(tuple(latent.shape), "class token first, then", model.num_patches, "patches")

# %% [markdown]
# One vector a patch is too many for a classifier, so they are averaged. (The class token would do too: no loss asked
# anything of it, but it could attend to all patches.) By hand, and by the package:

# %%
mean = latent[:, 1:].mean(dim=1)
torch.testing.assert_close(mean, features.extract_features(model, cat))
print(tuple(mean.shape))

# %% [markdown]
# ### A reader's question: is the mask kept at fine-tune?
#
# Somebody who [asked the authors this](https://github.com/facebookresearch/mae/issues/203) had trained with 75 % hidden
# and now wanted to classify. **Predict**: extract the cat's features ten times, with a fresh mask each time, and ten
# times without. How alike are the ten?

# %%
ids = [ml.ids_from_mask(ml.random_mask(196, mask_ratio=0.75, seed=seed))[0] for seed in range(10)]
masked = torch.cat([model.encoder(cat, ids_keep)[:, 1:].mean(dim=1) for ids_keep in ids])
whole = torch.cat([model.encoder(cat)[:, 1:].mean(dim=1) for _ in range(10)])
for name, ten in {"masked": masked, "whole": whole}.items():
    alike = F.cosine_similarity(ten, mean).min()
    print(f"{name}: spread {ten.std(dim=0).mean():.3f}, cosine to the above {alike:.3f} or more")

# %% [markdown]
# **Explain.** No: the mask belongs to the task of pre-training, and goes with it. With it, three quarters of the photo
# would be thrown away, and the answer would depend on the draw. It costs four times the tokens, which is why
# pre-training is the cheap part. A model that draws its own mask in `forward` does it at evaluation too, unless
# somebody remembers to stop it; here the mask is an input, and without one there is none.

# %% [markdown]
# ## Six thousand photos, without the photos
#
# To judge features one needs labelled images: [Imagenette](https://github.com/fastai/imagenette), ten easy classes of
# ImageNet. The photos are not ours to hand on, but features are small. Bundled are those of some thousand photos:
# from our model, from one of the same sizes that was never trained, and from no model at all: the photo
# shrunk to 8 x 8 pixels. The held-out ones were never trained on, by anybody.

# %%
data = features.load_features()
for name, x in data.train.items():
    print(f"{name:15} {tuple(x.shape)} to learn from, {tuple(data.test[name].shape)} held out")
print(*data.classes, sep=", ")

# %% [markdown]
# All three have equally many numbers an image: 8 x 8 x 3 happens to be the width of our encoder.
#
# ## Protocol 1: ask the neighbours
#
# The cheapest judge trains nothing. To classify a photo, find the twenty training photos whose features point in the
# most similar direction, and let their labels vote. The nearest ones of the first held-out photo:

# %%
mini = "mae-lite-mini"
train, test = (F.normalize(x, dim=1) for x in (data.train[mini], data.test[mini]))
similarity, index = (test[0] @ train.T).topk(20)
print("is:", data.classes[data.test_labels[0]])
print("neighbours:", ", ".join(data.classes[c] for c in data.labels[index]))

# %% [markdown]
# ### Exercise 1: nearest neighbours by cosine
#
# > **Difficulty** 2 of 5 · **Time** 10 minutes
#
# Return the class (m) that most of the `k` nearest training images have, for each row of `test` (m, d), by cosine
# similarity to the rows of `train` (n, d). Ties do not matter.
#
# <details><summary>Hint 1</summary>
#
# A cosine is the dot product of two rows of length one. `topk(k, dim=1)` gives values and indices.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `labels[index]` is (m, k). `.mode(dim=1).values` is the most common value in each row.
#
# </details>


# %%
def knn_predict(train, labels, test, k):
    ### BEGIN SOLUTION
    train, test = F.normalize(train, dim=1), F.normalize(test, dim=1)
    index = (test @ train.T).topk(k, dim=1).indices  # (m, k)
    return labels[index].mode(dim=1).values
    ### END SOLUTION


check.knn_predict(knn_predict)

# %% [markdown]
# **Predict**: with ten classes guessing gets a tenth. Where will the trained encoder, the untrained one, and the 192
# pixels land?


# %%
def score(predict, few=slice(None)):
    found = {}
    for name, x in data.train.items():
        predicted = predict(x[few], data.labels[few], data.test[name])
        found[name] = probes.accuracy(predicted, data.test_labels)
    return found


# %%
knn = score(probes.knn_predict)
show_accuracies({"20 nearest neighbours": knn}, chance=0.1)

# %% [markdown]
# **Explain.** All three are far above chance: colour and layout alone tell much about these ten classes, and an
# untrained encoder passes them on, mixed at random. That is why the controls are there: seen alone, its result would
# look like learning. What the training added is the distance between the bars.
#
# ## Protocol 2: one linear layer
#
# Neighbours take the features as they are. A **linear probe** may weigh them: one matrix from features to classes is
# fitted, and the encoder stays frozen. The paper puts a BatchNorm without affine in front (appendix A.1), which takes
# the scales out. How much do they differ?

# %%
spread = data.train[mini].std(dim=0).sort().values
print(f"deviation of the 192 features: from {spread[0]:.3f} to {spread[-1]:.3f}, median {spread.median():.3f}")
x, z = probes.standardise(data.train[mini], data.test[mini])
print(f"after: training mean {x.mean().abs():.4f}, deviation {x.std():.4f}")
print(f"       held out mean {z.mean():.4f}, deviation {z.std():.4f}")

# %% [markdown]
# The held-out features do not come out at exactly 0 and 1, and must not: they are moved by the statistics of the
# training features. A probe that standardises test images by their own statistics has looked at all of them before it
# judges the first.
#
# ### Exercise 2: a linear probe that looks at no test image
#
# > **Difficulty** 3 of 5 · **Time** 15 minutes
#
# The paper fits its probe by gradient steps. For squared error there is a closed form: with standardised features X and
# one-hot labels Y, `W = (X'X + ridge I)^-1 X'(Y - mean of Y)`, and the scores are `Z W + mean of Y`. Return the scores
# (m, classes) of the rows of `test`.
#
# <details><summary>Hint 1</summary>
#
# `std(dim=0, correction=0)` and `mean(dim=0)`: of which set, and used on which?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.linalg.solve(A, B)` is A^-1 B. `F.one_hot(labels).float()` is Y.
#
# </details>


# %%
def ridge_scores(train, labels, test, ridge):
    ### BEGIN SOLUTION
    mean, std = train.mean(dim=0), train.std(dim=0, correction=0)
    x, z = (train - mean) / std, (test - mean) / std  # both by the training features
    onehot = F.one_hot(labels).float()
    bias = onehot.mean(dim=0)
    gram = x.T @ x + ridge * torch.eye(x.shape[1])
    return z @ torch.linalg.solve(gram, x.T @ (onehot - bias)) + bias
    ### END SOLUTION


check.ridge_scores(ridge_scores)

# %% [markdown]
# The package's `linear_probe` minimises cross-entropy instead, as the paper does, by LBFGS: no learning rate, no
# schedule, nothing to tune on the held-out images. **Predict**: which features gain most over their neighbours' vote?

# %%
linear = score(probes.linear_probe)
show_accuracies({"20 nearest neighbours": knn, "linear probe": linear}, chance=0.1)

# %% [markdown]
# **Explain.** All gain, and the encoders more than the pixels. Even random features, mixed by twelve blocks that never
# learnt anything, hold more than their neighbours show. The trained encoder stays well ahead. Nothing here was chosen
# by looking at the held-out images: one ridge, one k, for all three.

# %% [markdown]
# ### Who is taken for whom?
#
# An accuracy hides which mistakes are made. **Predict**: which two of the ten classes does a model mix up that has
# learnt to paint missing pixels?

# %%
predicted = probes.linear_probe(data.train[mini], data.labels, data.test[mini])
show_confusion(predicted, data.test_labels, data.classes)

# %% [markdown]
# **Explain.** Mistakes are not spread evenly. Machines with a panel, gas pump and cassette player, are taken for each
# other, as they would be by anybody who looks at shapes and surfaces. The dog and the chain saw have no meaning in
# common, yet they are mixed up, too. What may their photos share? The photos would tell, and that is the price of
# handing on features alone.
#
# ## With fewer labels
#
# Transfer pays where labels are dear. Draw a share of each class, fit on those, measure on the same held-out images.
# The draws are nested: each holds the smaller ones.

# %%
protocols = {"20 nearest neighbours": probes.knn_predict, "linear probe": probes.linear_probe}
tables = {}
for share in (0.01, 0.03, 0.1, 0.3, 1.0):
    few = probes.some_labels(data.labels, share)
    tables[share] = {name: score(predict, few) for name, predict in protocols.items()}

# %% [markdown]
# **Predict** before you move the slider: is the trained encoder's lead over the controls larger with few labels or with
# all?

# %%
fraction_flipbook(tables, images=len(data.labels), chance=0.1)

# %% [markdown]
# **Explain.** With four images a class nobody does well, and the lead is smallest. It grows up to a tenth of the
# labels and then hardly any more. Read across the frames: a tenth of the labels on the trained features is worth more
# than all of them on the controls. That is what pre-training without labels is for.
#
# ### Exercise 3: state what you see
#
# > **Difficulty** 3 of 5 · **Time** 15 minutes
#
# One draw of so few labels is a matter of luck. Write `lead(data, share)`: how many points (per cent) the ridge probe
# on the features of mae-lite-mini is ahead of the better of the two controls, each as the mean of five draws (seeds 0
# to 4). Then run it at 1, 10 and 100 % and put into one sentence what you see.
#
# <details><summary>Hint 1</summary>
#
# `few = probes.some_labels(data.labels, share, seed=seed)` gives the images of a draw; the same for all features.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `probes.ridge_probe(data.train[name][few], data.labels[few], data.test[name])` predicts, `probes.accuracy` compares.
#
# </details>


# %%
def lead(data, share):
    ### BEGIN SOLUTION
    mean = dict.fromkeys(data.train, 0.0)
    for seed in range(5):
        few = probes.some_labels(data.labels, share, seed=seed)
        for name in mean:
            predicted = probes.ridge_probe(data.train[name][few], data.labels[few], data.test[name])
            mean[name] += probes.accuracy(predicted, data.test_labels) / 5
    return 100 * (mean["mae-lite-mini"] - max(mean["untrained"], mean["raw pixels"]))
    ### END SOLUTION


check.lead(lead)

# %% [markdown]
# How much is luck? Recorded are the linear probes of five draws each (one where all labels are used, since there is
# only one way to take all).

# %%
from mae_course.studies.transfer import RECORDS, load_records

records = load_records(RECORDS)
for record in records:
    if record["kind"] == "probes":
        low, high = min(record["linear"]), max(record["linear"])
        print(f"{record['features']:15} {record['fraction']:5.0%} of the labels: {low:.1%} to {high:.1%}")

# %% [markdown]
# ## Protocol 3: let the encoder learn
#
# A linear probe can only weigh what is there. **Fine-tuning** goes on training the encoder itself, with labels. Between
# the two lies **partial fine-tuning**: the last blocks learn, those below stay frozen. timm has the tools (layer-wise
# rates, schedules, Mixup), so our encoder becomes a timm Vision Transformer, weight for weight:

# %%
from mae_lite.train.classifier import make_classifier, to_timm

vit = to_timm(model).eval()
print(type(vit).__module__, f"largest difference: {(vit(cat) - mean).abs().max():.6f}")

# %%
for blocks in (0, 0.5, 1, 4, 12):
    tuned = make_classifier(model, num_classes=10, blocks=blocks)
    learn = sum(p.numel() for p in tuned.parameters() if p.requires_grad)
    print(f"{blocks:>4} blocks tuned: {learn:9,} weights learn")

# %% [markdown]
# 0 blocks is the linear probe, 0.5 the MLP of the last block, 12 is everything.
#
# ### Exercise 4: freeze the right weights
#
# > **Difficulty** 3 of 5 · **Time** 10 minutes
#
# `vit` has `patch_embed`, `cls_token`, `blocks` (a list), `norm` and `head`. Leave gradients to the head and, if
# `blocks` is above 0, to the norm and the last `blocks` blocks; `blocks` is a whole number below the depth. Return
# `vit`. The check sends a loss backwards and looks where gradients arrive.
#
# <details><summary>Hint 1</summary>
#
# `part.requires_grad_(False)` with the underscore reaches every weight of a module; `part.requires_grad = False`
# reaches none and complains of nothing.
#
# </details>
# <details><summary>Hint 2</summary>
#
# What is `vit.blocks[-blocks:]` for `blocks = 0`?
#
# </details>


# %%
def freeze(vit, blocks):
    ### BEGIN SOLUTION
    vit.requires_grad_(False)
    vit.head.requires_grad_(True)
    if blocks > 0:
        vit.norm.requires_grad_(True)
        for block in vit.blocks[len(vit.blocks) - blocks :]:
            block.requires_grad_(True)
    return vit
    ### END SOLUTION


check.freeze(freeze)

# %% [markdown]
# Fine-tuning takes minutes to hours, so here are records: our model at 64 x 64 pixels on the same training photos, the
# same few epochs for each number of blocks, and beside it the same network trained from scratch. Left is the paper's
# Figure 9: another model, another data set, and far more training. Compare the shapes, not the heights.

# %%
from mae_course.paper.tables import load_table

tunings = [record for record in records if record["kind"] == "finetune"]
ours = [record for record in tunings if record["start"] == mini]
scratch = [record["accuracy"] for record in tunings if record["start"] == "untrained"]
dates = " and ".join(sorted({record["date"] for record in ours}))
print(len(ours), "settings;", ours[0]["command"], "|", ours[0]["device"], "|", dates)

# %% [markdown]
# **Predict**: which step up buys most: from the head alone to half a block, or from four blocks to all?

# %%
blocks_flipbook(ours, depth=12, scratch=scratch[0] if scratch else None)

# %%
by_blocks = {record["blocks"]: 100 * record["accuracy"] for record in ours}
first, rest = by_blocks[1] - by_blocks[0], by_blocks[12] - by_blocks[1]
print(f"ours:  the first block adds {first:+.1f} points, the other 11 {rest:+.1f}")
paper = {row.label: row.values["mae"] for row in load_table("Figure 9").rows}
first, rest = paper["1"] - paper["0"], paper["24"] - paper["1"]
print(f"paper: the first block adds {first:+.1f} points, the other 23 {rest:+.1f}")
print(f"ours from scratch, all blocks: {100 * scratch[0]:.1f} %")

# %% [markdown]
# **Explain.** In both curves the first block buys more than all the others together, and in the paper little is left
# to gain after four. From scratch the same network, with the same photos and epochs, stays below a lone linear head on
# frozen features: a few thousand photos in a few epochs do not teach it to see. Our 0 blocks are lower than the linear
# probe above, because here photos have 64 pixels a side instead of 112 and the head takes a few gradient steps instead
# of being the exact minimum. And it is one seed a setting: a point or two up or down means nothing.

# %% [markdown]
# ## Weak linearly, strong fine-tuned: why?
#
# The loss counts pixels. What moves many pixels, such as brightness, colour and layout, has to be in the features with
# much weight; what tells a tench from a golf ball changes few pixels. If that is so, the directions of large variance
# know less about classes than their share suggests. **Predict**: keep only the sixteen largest principal components, or
# throw just those away. Which hurts the probe more?

# %%
parts = {"all 192": (0, 192), "largest 16": (176, 192), "other 176": (0, 176)}
for name, given in data.train.items():
    x, z = probes.standardise(given, data.test[name])
    variance, axes = torch.linalg.eigh(x.T @ x / len(x))  # ascending
    for what, (low, high) in parts.items():
        basis, share = axes[:, low:high], variance[low:high].sum() / variance.sum()
        right = probes.accuracy(probes.ridge_probe(x @ basis, data.labels, z @ basis), data.test_labels)
        print(f"{name:15} {what:11} {share:6.1%} of the variance, {right:.1%} right")

# %% [markdown]
# **Explain.** For MAE's features the sixteen directions with nearly all the variance are worth about as much as the 176
# others with the little that is left. In pixels the small ones know much less. (The untrained encoder shows it, too: a
# random network does spread what it is given. The loss did not make this, but it does nothing against it, either.) So
# what tells classes apart is there, but quiet, and neighbours hardly hear it: a distance is made of what is loud.
# **Predict**: make every direction equally loud (*whitening*, no labels needed). What will the neighbours say then?

# %%
for name, given in data.train.items():
    x, z = probes.standardise(given, data.test[name])
    variance, axes = torch.linalg.eigh(x.T @ x / len(x))
    white = axes / variance.sqrt()
    right = probes.accuracy(probes.knn_predict(x @ white, data.labels, z @ white), data.test_labels)
    print(f"{name:15} neighbours {knn[name]:.1%}, whitened {right:.1%}, linear probe {linear[name]:.1%}")

# %% [markdown]
# **Explain.** Whitened, the neighbours come close to the linear probe, without a single label more. That is half of the
# answer: the knowledge is there, badly spread for whoever takes features as they are. The other half is what no linear
# layer can repair: the last blocks were trained to hand pixels to a decoder. Let them learn, and they turn what is
# there towards classes. So tuning a few blocks can buy much, and the paper calls the two accuracies largely
# uncorrelated. Contrastive methods such as MoCo v3 train for features that are apart in the end, so they start
# higher in Figure 9 and gain less.

# %% [markdown]
# ## With your own data, and with the official encoders
#
# On the command line the same three protocols run on any labelled pictures: a folder with a sub-folder for each class,
# tar shards, or with network a data set of timm by name. The controls are always in the table.
#
# ```
# python -m mae_lite transfer --data photos/train --test photos/test
# python -m mae_lite transfer --data torch/cifar10 --limit 5000 --finetune --blocks 4
# python -m mae_lite transfer timm/vit_base_patch16_224.mae --data photos/train
# ```
#
# Without `--test` a fifth of the pictures is held out. The last one downloads the official ViT-B encoder when you run
# it.

# %% [markdown]
# ## Key takeaways
# - Features come from the encoder alone, on the whole photo: mask and decoder belong to pre-training.
# - Everything that is fitted, statistics too, comes from the training images; else the held-out ones are not held out.
# - A result without its controls says nothing: pixels and an untrained encoder already know something.
# - MAE's features hold more than a linear layer can take out; one tuned block changes much.
# - "0 blocks" and "all blocks" are different questions, and in the paper's words largely uncorrelated.
#
# ## Quiz
# **1.** Why does a cosine need no BatchNorm for units, and what does it not repair?
# <details><summary>Answer</summary>
#
# It ignores the length of a whole row, so a photo whose features are all twice as large changes nothing. Columns with
# large spread still decide the direction; that is what standardising repairs.
#
# </details>
#
# **2.** Somebody standardises the test features by their own mean and deviation and gets a better accuracy. Is it
# wrong?
# <details><summary>Answer</summary>
#
# It answers another question. The prediction for one photo then hangs on the other test photos, which will not be there
# when the classifier is used on a single one. It has to be said, and compared with others who do the same.
#
# </details>
#
# **3.** In partial fine-tuning of one block, why is a step so much cheaper than with all, though every block computes?
# <details><summary>Answer</summary>
#
# The frozen blocks only run forwards. No gradient goes back through them and none of their inputs has to be kept, and
# backwards costs about twice as much as forwards.
#
# </details>
#
# ## To discuss
# 1. The paper drops linear probing as its main judge. Is that fair to methods that do well in it?
# 2. Our encoder saw some thousand photos of these same classes in pre-training, without labels. Is the comparison with
#    raw pixels fair? What would you hold out instead?
# 3. Which of the three protocols would you trust for a medical data set with two hundred labels, and why?
# 4. Figure 9 compares with MoCo v3, which starts higher and ends lower. What do the two kinds of features know?
#
# ## Further reading
# - He et al. 2021: *Masked Autoencoders Are Scalable Vision Learners*,
#   [arXiv 2111.06377](https://arxiv.org/abs/2111.06377). Section 4.3 and Figure 9 for partial fine-tuning, appendix A.1
#   for the recipes, Tables 4 to 6 for other tasks.
# - Balestriero and LeCun 2024: *Learning by Reconstruction Produces Uninformative Features for Perception*,
#   [arXiv 2402.11337](https://arxiv.org/abs/2402.11337). Why what reconstructs is not what tells things apart.
# - Park et al. 2023: *What Do Self-Supervised Vision Transformers Learn?*,
#   [arXiv 2305.00729](https://arxiv.org/abs/2305.00729). Contrastive features against masked ones, layer by layer.
# - Wang et al. 2022: *A Closer Look at Self-Supervised Lightweight Vision Transformers*,
#   [arXiv 2205.14443](https://arxiv.org/abs/2205.14443). MAE on small encoders, and where it helps little.
#
# {navigation}
