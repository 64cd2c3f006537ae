# %% [markdown]
# # 08 Results and ablations: paper vs ours
#
# The paper has thirteen tables, and figures with printed numbers. Here they all are, as data. Beside them stand our own
# runs: the same changes, one at a time, at a scale that a laptop can run. Where the two disagree, the notebook says so,
# by code.
#
# **You will be able to**
# - look up any number of the paper, and say under which setting it was measured;
# - tell a difference from seed noise, and say how many seeds a claim needs;
# - run one cell of an ablation fairly;
# - recompute the paper's speed-up three ways;
# - separate what a small experiment can check from what it cannot.
#
# **Time** 35 minutes to read and run, 40 more with the four exercises. **Needs** knowing what
# [mask ratio](03_what_to_hide.ipynb), [encoder and decoder](04_encoder_decoder.ipynb) and
# [target](05_loss_and_pictures.ipynb) are. No GPU.
#
# {navigation}

# %%
import torch

import mae_lite as ml
from mae_course.exercises import results as check
from mae_course.figures import results as figures
from mae_course.pages import results_table
from mae_course.paper import claims
from mae_course.paper import results as paper_results
from mae_course.paper.tables import list_tables, load_table

records = paper_results.ablation_records()
print(paper_results.describe(records))

# %% [markdown]
# ## The paper's numbers
#
# *Fine-tuned* (ft): all weights of the pre-trained encoder are trained on labels. *Linear probe* (lin): the encoder
# stays as it is, and one linear layer is trained on its features. Both are the share of ImageNet's test images named
# right. The question of the paper, in three rows of its section 4: does pre-training without labels help at all?
#
# **Predict**: ViT-L trained on ImageNet's labels alone, against MAE first and the same labels then. By how many points
# is the second better?

# %%
results_table.show_paper_table(load_table("Section 4"))

# %%
results_table.show_paper_table(load_table("Table 3"))

# %% [markdown]
# **Explain.** By about two and a half. Most of what MAE seems to win over the first row is won by a better recipe for
# training from scratch: a baseline is as good as the care that went into it. In Table 3 the gain grows with the
# model: a little over one point for ViT-B, nearly four for ViT-H. And even a careful paper has small slips: the same
# baseline is 82.5 in one place and 82.6 in another. Notes like this one stand below each table.
#
# The rest, to open where you need it. Every number was read in the paper (or in the official code's pages, where it
# says so); Figure 8 is missing, since it prints no numbers.

# %%
results_table.show_paper_tables([load_table(name) for name in list_tables()])

# %% [markdown]
# ## Ours beside it
#
# One small setting, and each **arm** changes one thing in it: ratio, decoder, target, augmentation, kind of mask,
# length, loss. The pictures are Imagenette's, ten easy classes of ImageNet at 64 x 64, 8 x 8 patches of 8 x 8 pixels,
# an encoder of 6 blocks 192 wide. Features are judged on held-out images, by a linear probe and by *kNN*: the class
# that most of the 20 nearest training images have. Three **seeds** of the default arm, other initial weights, order,
# crops and masks, show how far results lie apart when nothing was changed.
#
# **Predict** which three arms fall furthest below the default, in the paper and in ours. Then choose groups with the
# buttons, and sort by a heading.

# %%
results_table.show_arms(records)

# %%
figures.show_arms_plot(records)

# %% [markdown]
# **Explain.** Compare directions, never levels: ten classes are easier than a thousand, and every other column differs
# as well. In the paper the largest falls are a low ratio, mask tokens in the encoder and block masks. The bands in the
# right figure hold what seeds do alone. A dot inside a band says nothing, whichever side of zero it is on. Three
# controls keep us honest: features have to beat raw pixels and an untrained encoder, and fine-tuning has to beat
# training from scratch with the same budget.

# %% [markdown]
# ## How much to hide
#
# **Predict** for linear probing and for fine-tuning: is the best ratio the same, and which curve is flatter?

# %%
figures.show_curves("mask ratio", records)

# %% [markdown]
# **Explain.** In the paper fine-tuning is flat over a wide stretch and linear probing climbs steeply up to 75 %.
# Fine-tuning can repair features, a linear layer has to take them as they are. The third panel is another question:
# how well pixels are filled in at 75 %, by models trained at other ratios. Such a test favours whoever trained at 75 %,
# so do not choose a ratio by it. Whether ours climbs too is for the bands to say, two seed deviations of the default
# up and down; the verdicts come further below.
#
# ### Exercise 1: read the curves
#
# > **Difficulty** 1 of 5 · **Time** 5 minutes
#
# `rows` is a list of `(ratio, ft, lin)`, in any order. Return four numbers: the ratio at which ft peaks, the ratio at
# which lin peaks, and for each of the two the points between its best and its worst.
#
# <details><summary>Hint</summary>
#
# `max(rows, key=lambda row: row[1])` is the row with the best ft.
#
# </details>


# %%
def read_curves(rows):
    ### BEGIN SOLUTION
    ft, lin = [row[1] for row in rows], [row[2] for row in rows]
    best_ft = max(rows, key=lambda row: row[1])[0]
    best_lin = max(rows, key=lambda row: row[2])[0]
    return best_ft, best_lin, max(ft) - min(ft), max(lin) - min(lin)
    ### END SOLUTION


check.read_curves(read_curves)

# %% [markdown]
# ## How long to train
#
# **Predict**: twice as many epochs. Does the linear probe still gain? And after 100 epochs, does fine-tuned MAE beat
# ViT-L from scratch?

# %%
figures.show_curves("schedule", records)

# %%
scratch = load_table("Section 4").row("scratch, authors' recipe").values["ft"]
print("100 epochs of MAE, fine-tuned:", load_table("Figure 7").row("100").values["ft"], " from scratch:", scratch)

# %% [markdown]
# **Explain.** In the paper the probe gains at each doubling, also at the last. The other end is told less often: after
# 100 epochs MAE is not worth its while. Masked training is slow to pay, and a short experiment (ours) sits at that end.
# Each point is a training of its own, with a full schedule down to a rate of zero; the middle of a long one is no
# stand-in for the end of a short one.

# %% [markdown]
# ## What our records say
#
# Each claim as one or two differences between arms. It is **seen at our scale** if all of them go the paper's way by
# more than twice the default's seed deviation; **not seen** if one goes the other way by as much; else it is **within
# seed noise**.
#
# **Predict**: which claims of the paper will a training of minutes on ten classes *not* show?

# %%
metrics = {"linear probe": "linear", "kNN": "knn", "fine-tuned": "finetune"}
findings = {name: claims.judge(records, metric) for name, metric in metrics.items()}
results_table.show_findings(findings)

# %%
for name, found in findings.items():
    print(f"By {name}: {claims.disagreements(found)}\n")

# %% [markdown]
# **Explain.** Read a verdict as what it is:
# - *Not seen* does not refute the paper. It says that the claim does not carry over to this data, size and budget.
# - *Within noise* is no evidence for "no difference". It is a shrug: more seeds could decide it. But where the paper's
#   difference is larger than our noise, an effect of that size is not there at our scale, and the list says so.
# - *Seen* is a direction, from one run of the changed arm. The size of the effect is ours alone.
# - Where the columns disagree, the claim depends on how one judges features. (Few arms were fine-tuned.)
# - A deviation from three seeds is itself a guess. And among a dozen claims one may pass or fail by luck.
#
# Look for *lower loss, worse features*: a grid mask is an easy question. Whoever chooses by the training loss chooses
# easy questions.

# %% [markdown]
# ## What cannot be compared at all
#
# | in the paper | here | so |
# |:--|:--|:--|
# | ImageNet-1K, 1,000 classes | Imagenette, 10 easy classes | levels of accuracy mean different things |
# | ViT-L, ViT-H | hundreds of times less work an image | which arm suits a large model cannot be asked |
# | 800 or 1600 epochs | a few | late gains and saturation are out of reach |
# | 224 pixels, 14 x 14 patches | 64 pixels, 8 x 8 patches | the same ratio leaves other gaps |
# | COCO, ADE20K, iNaturalist, Places | not run | Tables 4 to 6 stand as they are |
# | DALL-E's tokens as target | not run | half of Table 1d, Table 7 |
#
# **Predict** the second row more closely: how many times the work of our small model is ViT-L's, for one image?

# %%
from mae_lite.measure.cost import count_flops

ours = ml.MAEConfig(
    img_size=(64, 64), patch_size=8, embed_dim=192, depth=6, num_heads=3,
    decoder_embed_dim=128, decoder_depth=2, decoder_num_heads=4,
)  # fmt: skip
for name in ("base", "large", "huge"):
    ratio = count_flops(ml.PRESETS[name]).total / count_flops(ours).total
    print(f"{name:5} {ratio:6,.0f} times the operations of our setting, for one image at 75 %")

# %% [markdown]
# **Explain.** And that for each of 800 passes over far more images. What a small run *can* check is the mechanism: is
# a change for the better or the worse when all else is equal? Some mechanisms are about scale itself, and those cannot
# be made small. One of them:
#
# **Predict**: MAE against supervised training of the same encoder, on images that are corrupted, drawn, or picked to
# fool a classifier (Table 13). On how many of the four sets is MAE's ViT-B the better one? And ViT-H?

# %%
figures.show_robustness(load_table("Table 13"))

# %%
for size in ("b", "l", "h"):
    worse = []
    for row in load_table("Table 13").rows:
        gain = row.values[size] - row.values[f"sup_{size}"]
        if (gain > 0) == (row.values["unit"] == "error"):
            worse.append(row.label)
    print(f"ViT-{size.upper()}: worse than supervised on {len(worse)} of 4 {worse}")

# %% [markdown]
# **Explain.** On one of four. At ViT-B, MAE is *worse* than supervised training on three of the four sets; from ViT-L
# on it is ahead on all. The paper's text speaks of the large models. Whoever takes a ViT-B off the shelf should read
# the small print: the advantage appears with scale.

# %% [markdown]
# ## Run one cell yourself
#
# An ablation is a loop: train each arm, measure all alike. Here it is at a *quick* budget, 15 bundled photos to train
# on, 5 to measure, a second or two for each model.

# %%
import tempfile
from dataclasses import replace
from functools import cache

from mae_lite.images import normalize
from mae_lite.train.pretrain import PretrainConfig, pretrain

small = ml.MAEConfig(
    img_size=(48, 48), patch_size=8, embed_dim=64, depth=2, num_heads=2,
    decoder_embed_dim=32, decoder_depth=1, decoder_num_heads=2,
)  # fmt: skip
plan = PretrainConfig(epochs=60, batch_size=15, blr=0.05)


# %%
@cache
def load_photos(first, last, side):
    cfg = replace(small, img_size=(side, side))
    return torch.cat([ml.to_uint8(ml.load_image(path, cfg), cfg) for path in ml.list_photos()[first:last]])


def train(mask_ratio, seed):
    torch.manual_seed(seed)
    model, photos = ml.MAE(replace(small, mask_ratio=mask_ratio)), load_photos(0, 15, 72)
    with tempfile.TemporaryDirectory() as folder:
        for _ in pretrain(model, photos, replace(plan, seed=seed), folder):
            pass
    return model.eval()


# %%
@torch.no_grad()
def error(model, mask_ratio):
    imgs = normalize(load_photos(15, 20, 48), small).repeat(8, 1, 1, 1)  # eight masks each
    mask = ml.random_mask(model.num_patches, mask_ratio, batch_size=len(imgs), seed=1)
    return model(imgs, mask).loss.item()


# %% [markdown]
# Two arms, one trained with 25 % hidden and one with 75 %. **Predict**: which of them fills held-out photos better when
# 75 % is hidden? Which when 25 % is hidden? And is the answer the same for each of three seeds?

# %%
measured = {}
for seed in (0, 1, 2):
    for ratio in (0.25, 0.75):
        model = train(ratio, seed)
        measured[ratio, seed] = {at: error(model, at) for at in (0.25, 0.75)}

# %%
for at in (0.25, 0.75):
    rows = {ratio: [measured[ratio, seed][at] for seed in (0, 1, 2)] for ratio in (0.25, 0.75)}
    for ratio, errors in rows.items():
        print(f"measured at {at:.0%}, trained at {ratio:.0%}: ", *(f"{e:.3f}" for e in errors), end="")
        print(f"   mean {sum(errors) / 3:.3f}")
    wins = sum(a < b for a, b in zip(*rows.values(), strict=True))
    print(f"    the arm trained at 25 % wins with {wins} of 3 seeds")

# %% [markdown]
# **Explain.** Look along the rows before you look at the means: the same arm moves from seed to seed by as much as the
# arms differ. Had you run one seed each, luck could have chosen the winner. And the two tests need not agree, since
# each arm practised for one of them: the exam decides who wins. In the ablation above, all arms are measured alike, at
# 75 % random for pixels and with nothing hidden for features.
#
# ### Exercise 2: a fair ablation
#
# > **Difficulty** 2 of 5 · **Time** 10 minutes
#
# `train(mask_ratio, seed)` gives a model, `error(model, mask_ratio)` its error on held-out photos. For `ratios` and
# `seeds`, return a dict: for each ratio the mean over the seeds of the error at 75 %. The check hands you a made-up
# `train` and `error` in which every slip shows. Once it passes, call
# `ablate(train, error, (1 / 4, 3 / 4), (0, 1))` with the real ones.
#
# <details><summary>Hint 1</summary>
#
# Two loops. What may change inside them? Only what the arm is named after, and the seed.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Every ratio gets the same seeds, and every model the same exam, at 75 %.
#
# </details>


# %%
def ablate(train, error, ratios, seeds):
    errors = {}
    ### BEGIN SOLUTION
    for ratio in ratios:
        runs = [error(train(ratio, seed), 0.75) for seed in seeds]
        errors[ratio] = sum(runs) / len(runs)
    return errors
    ### END SOLUTION


check.ablate(ablate)

# %% [markdown]
# ## Seed noise
#
# The paper's ablations are one run a row. Its authors did repeat one thing, fine-tuning, four times each, and put the
# results on the page of their code. **Predict**: how far do four fine-tunings of one ViT-B lie apart? And how far our
# default arms?

# %%
from statistics import mean, pstdev, stdev

seeds = load_table("Seeds")
for name in ("b", "l"):
    values = seeds.column(name)
    print(f"ViT-{name.upper()}: {values}, mean {mean(values):.2f}, deviation {stdev(values):.3f}, ", end="")
    print(f"divided by n: {pstdev(values):.3f}")
for name, metric in metrics.items():
    print(f"our default arm, {name}:", paper_results.spread(records, "default", metric) or "no records yet")

# %% [markdown]
# **Explain.** Little: they deviate by about a tenth of a point, so a half-point gap between two such rows is real. (The
# page prints the smaller deviation, divided by n instead of n - 1; with four values that matters.) But this is the
# noise of fine-tuning alone. Pre-training anew would add its own, and nobody has paid for that. Small models on few
# images are noisier.
#
# Suppose one run has a deviation of half a point, and one arm is truly half a point better. Two thousand imaginary
# comparisons, for several numbers of seeds. **Predict**: with one seed each, how often does the worse arm win?

# %%
noise, gap, draw = 0.5, 0.5, torch.Generator().manual_seed(0)
measured_gaps = {}
for n in (1, 2, 3, 5, 10, 20):
    arms = noise * torch.randn(2000, 2, n, generator=draw).mean(dim=2)
    measured_gaps[n] = (gap + arms[:, 0] - arms[:, 1]).tolist()
    lost = sum(measured < 0 for measured in measured_gaps[n]) / 2000
    print(f"{n:2} seeds each: the worse arm wins {lost:.0%} of comparisons")

# %%
alike = {n: [one - gap for one in gaps] for n, gaps in measured_gaps.items()}
figures.show_seed_noise(measured_gaps, gap, alike)

# %% [markdown]
# **Explain.** Both arms are noisy, so their difference is noisier than either, by the root of two. A mean over n seeds
# is quieter by the root of n. Only where the two bars come apart can one tell a gap from none.
#
# ### Exercise 3: how many seeds?
#
# > **Difficulty** 3 of 5 · **Time** 10 minutes
#
# One run has the deviation `std`, each of the two arms gets n seeds. Return the smallest n, at least 2, for which `gap`
# is as large as two standard errors of the difference of the means.
#
# <details><summary>Hint 1</summary>
#
# The mean of n runs has the variance std² / n. Variances of independent things add.
#
# </details>
# <details><summary>Hint 2</summary>
#
# gap = 2 std √(2 / n). Solve for n and round up.
#
# </details>


# %%
import math


def seeds_needed(std, gap):
    ### BEGIN SOLUTION
    return max(2, math.ceil(8 * (std / gap) ** 2))
    ### END SOLUTION


check.seeds_needed(seeds_needed)

# %% [markdown]
# ## The speed-up, three ways
#
# Without mask tokens in the encoder ViT-L trains 2.8 times faster, and 3.7 times with a decoder of one block (Table 2).
#
# ### Exercise 4: recompute the claim
#
# > **Difficulty** 2 of 5 · **Time** 10 minutes
#
# `rows` is a list of `(encoder, mask_tokens, depth, hours)`; `mask_tokens` is True for the one row of each encoder that
# has them, `depth` is the decoder's. For each row *without* mask tokens return the speed-up over its own encoder's row
# with them, as a dict with the keys `(encoder, depth)`.
#
# <details><summary>Hint</summary>
#
# First collect the hours with mask tokens in a dict by encoder. Then divide.
#
# </details>


# %%
def speed_ups(rows):
    factors = {}
    ### BEGIN SOLUTION
    slow = {encoder: hours for encoder, mask_tokens, _, hours in rows if mask_tokens}
    for encoder, mask_tokens, depth, hours in rows:
        if not mask_tokens:
            factors[encoder, depth] = slow[encoder] / hours
    return factors
    ### END SOLUTION


check.speed_ups(speed_ups)

# %% [markdown]
# Hours are one way. Operations are another: `count_flops` counts them for the same models, encoder with decoder.
# **Predict**: will the count promise more than the clock kept, or less? And which of the two encoders comes nearer to
# its count?

# %%
sizes, slow = {"ViT-L": "large", "ViT-H": "huge"}, {}
for row in load_table("Table 2").rows:
    name, tokens, hours = row.values["encoder"], row.values["mask_tokens"] == "yes", row.values["hours"]
    cfg = replace(ml.PRESETS[sizes[name]], decoder_depth=row.values["depth"])
    flops = count_flops(cfg, 0.75, mask_tokens_in_encoder=tokens).total
    slow[name] = (hours, flops) if tokens else slow[name]
    by_hours, by_flops = slow[name][0] / hours, slow[name][1] / flops
    if not tokens:
        printed = row.values["speedup"]
        print(f"{row.label}: hours x {by_hours:.2f}, printed x {printed}, counted x {by_flops:.2f}")

# %% [markdown]
# **Explain.** The hours give the paper's printed factors. The count promises more, and ViT-H all but keeps the promise:
# a training also loads images, crops them, moves weights and waits, and the more there is to compute, the less that
# weighs. (ViT-H with mask tokens was never trained to the end, its hours are ten epochs' extrapolated.)
#
# The third way is your own machine: a step forward and back through an encoder 12 blocks deep and 192 wide, 197 tokens
# or 50. **Predict** the factor.

# %%
import time
import timeit

tiny = ml.MAEEncoder(ml.PRESETS["tiny"])
imgs, mask = torch.randn(4, 3, 224, 224), ml.random_mask(196, 0.75, batch_size=4, seed=0)
threads = torch.get_num_threads()
torch.set_num_threads(1)


def seconds(ids=None):
    step = lambda: tiny(imgs, ids).mean().backward()  # noqa: E731
    return min(timeit.repeat(step, timer=time.process_time, number=1, repeat=3))


# %%
with_tokens, without = seconds(), seconds(ml.ids_from_mask(mask)[0])
counted = count_flops(ml.PRESETS["tiny"], 0).encoder / count_flops(ml.PRESETS["tiny"], 0.75).encoder
print(f"with mask tokens {1000 * with_tokens:.0f} ms, without {1000 * without:.0f} ms: ", end="")
print(f"x {with_tokens / without:.1f}, counted x {counted:.1f}")
torch.set_num_threads(threads)
time_of = {record["arm"]: record["seconds"] for record in records if record["seed"] == 0}
if "encoder-mask-tokens" in time_of:
    print(f"whole trainings of our ablation: x {time_of['encoder-mask-tokens'] / time_of['default']:.1f}")

# %% [markdown]
# **Explain.** Somewhat below the count: norms, softmax and calls are not counted, and in a narrow model they weigh
# more; a busy machine adds its own. A whole training gains less than the encoder alone: the decoder sees all tokens
# either way, and cropping costs the same. So the claim holds, and its size depends on how much of your time is the
# encoder's. That is why the paper's factor grows from ViT-L to ViT-H.

# %% [markdown]
# ## A reader's question
#
# > How many epochs do we need to train in order to make the model generate reasonable outputs?
# > ([mae, issue 164](https://github.com/facebookresearch/mae/issues/164). In
# > [issue 190](https://github.com/facebookresearch/mae/issues/190) the loss is tiny already and the pictures are
# > useless.)
#
# The bundled model kept its output for eight photos, none of them trained on, while it learned. **Predict**: after how
# many steps of 128 images is it better than one flat colour? And than the soap film of notebook 03, which knows
# nothing?

# %%
from mae_lite.measure.film import film_inputs, load_film

film, cfg = load_film("mae-lite-mini"), ml.load_model("mae-lite-mini").cfg
photos, mask = film_inputs(cfg)
pixels = ml.pixel_mask(mask, cfg.grid_size, cfg.patch_size)
hidden = pixels.expand_as(photos)
fills = {"one colour": ml.visible_mean_fill(photos, pixels), "soap film": ml.harmonic_fill(photos, pixels)}
levels = {name: (fill - photos)[hidden].square().mean().item() for name, fill in fills.items()}

# %%
frames = [normalize(torch.from_numpy(frame).permute(0, 3, 1, 2), cfg) for frame in film.outputs]
errors = [(frame - photos)[hidden].square().mean().item() for frame in frames]
figures.show_progress(film.steps, errors, levels)

# %%
clock = {int(row["step"]): row["seconds"] for row in film.history}
for step, wrong in zip(film.steps, errors, strict=True):
    near = min(clock, key=lambda known: abs(known - step))
    minutes, skill = clock[near] * step / near / 60, 1 - wrong / levels["soap film"]
    print(f"step {step:5,}, {step * 128:7,} images, {minutes:5.1f} minutes: ", end="")
    print(f"MSE {wrong:.2f}, skill over the soap film {skill:+.2f}")

# %%
from mae_lite.show.film import show_film

show_film(film)

# %% [markdown]
# **Explain.** A flat colour is beaten within minutes, the soap film after hundreds of steps. From there the error
# creeps and the edges come; ten times the steps buy a fifth of it. (The small step back near the end: four encoder and
# two decoder blocks were added there, and the learning rate rose again.)
#
# Count steps and *different* images, not epochs: the question was asked with 4,000 images, and of those some 300 epochs
# are one epoch of ImageNet. And no loss means anything by itself. On nearly constant images, such as the X-rays of the
# second question, doing nothing has a tiny loss. Print the skill over a fill that has learnt nothing: below zero it
# does not look right yet, whatever the loss says. If the skill is fine and the pictures are not, look at the target: a
# norm-pix model shown raw is always colourful noise (notebook 05).

# %% [markdown]
# ## Key takeaways
#
# - A number needs its setting: which model, how many epochs, which test, which seed. Quote the table with it.
# - Fine-tuning and linear probing answer different questions; the paper's curves have their peaks at different ratios.
# - A difference counts when it is larger than what seeds do alone. With n seeds an arm the noise of a difference is
#   √(2 / n) of one run's.
# - A lower loss is no better features when the question has changed; measure every arm by the same exam.
# - A small run checks directions. What is about scale (robustness, late gains, speed at ViT-H) it cannot check.
#
# ## Quiz
#
# **1.** Your new arm has 0.3 points more than the default, one run each; seeds of the default deviate by 0.2. Is it
# better?
#
# <details><summary>Answer</summary>
#
# Not shown. The difference of two such runs has a deviation of 0.2 times the root of two, nearly 0.3, so this gap is
# one deviation. Two deviations are the least to ask for.
#
# </details>
#
# **2.** In the paper, which ratio is best after fine-tuning, and why is the default another?
#
# <details><summary>Answer</summary>
#
# 60 %, by a tenth of a point (Figure 5). Fine-tuning is flat there, linear probing peaks at 75 %, and hiding more makes
# each step cheaper.
#
# </details>
#
# **3.** Training with mask tokens takes 42.4 hours and without 15.4 (Table 2). How much of the time is saved, and what
# is the speed-up?
#
# <details><summary>Answer</summary>
#
# 64 % is saved; the speed-up is 2.8. Old time over new time, not the share saved.
#
# </details>
#
# ## To discuss
#
# 1. Table 1 has one run a row. Which of its rows would you not bet on, and how many seeds would settle it?
# 2. One of our arms contradicts the paper, or would. What would you change first to find out why: data, size or budget?
# 3. Is kNN or the linear probe the fairer judge for features that somebody will fine-tune?
# 4. Table 3 compares methods trained for different numbers of epochs. Is that fair? Compare hours instead
#    (section 4.2: 31 hours of MAE, 36 of MoCo v3).
# 5. If you had a hundred GPU hours, would you buy seeds, arms, or a longer schedule?
#
# ## Further reading
#
# - [He et al. 2021](https://arxiv.org/abs/2111.06377), section 4, Tables 1 to 3, and appendix B with Table 13.
# - [Bouthillier et al. 2021](https://arxiv.org/abs/2103.03098) measure where the variance of benchmarks comes from.
# - [A closer look at self-supervised lightweight vision transformers](https://arxiv.org/abs/2205.14443): what MAE gives
#   to small models, with ViT-Tiny on ImageNet.
# - [The official fine-tuning page](https://github.com/facebookresearch/mae/blob/main/FINETUNE.md) has the four seeds.
#
# {navigation}
