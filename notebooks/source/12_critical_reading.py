# %% [markdown]
# # 12 Critical reading, takeaways, resources
#
# A paper is a list of claims, each with some evidence. The last notebook takes the list apart: what the paper shows,
# what our small runs say to it, what stays open, and what came after. It is also the one to bring to a reading group.
#
# **You will be able to**
# - name for each claim its evidence, and the doubt that it leaves;
# - list the limits of the method, and measure two of them on the bundled model;
# - design the cheapest run that could refute a claim;
# - place what came after by what it asks of MAE;
# - plan a follow-up that fits a budget.
#
# **Time** 30 minutes to read and run, 60 more with the three exercises. **Needs** the paper, read once, and
# [notebook 08](08_results.ipynb). No GPU.
#
# {navigation}

# %%
import torch

import mae_lite as ml
from mae_course.exercises import critical_reading as check
from mae_course.figures import results as figures
from mae_course.pages import claim_board
from mae_course.paper import results as paper_results
from mae_course.paper.tables import load_table

_ = torch.set_grad_enabled(False)  # nothing is trained here
records = paper_results.ablation_records()
print(paper_results.describe(records))

# %% [markdown]
# ## The claim board
#
# One card a claim: the paper's numbers with their table, our run, the open doubt, and where in these notebooks to look
# closer. *Our run* is judged by code from the bundled records, as in notebook 08: a difference counts from twice the
# deviation of three seeds. Where a run is missing, the card says so.
#
# **Predict**: of all claims of the paper, which share can be tried on a laptop at all? And of those, how many will our
# runs contradict? Then choose by topic, or by what our run says. (Without scripts all cards are shown.)

# %%
claim_board.show_board(records)

# %%
for status, count in claim_board.count_standings(records).items():
    print(f"{count:2} {claim_board.SIGNS[status]} {status}")

# %% [markdown]
# **Explain.** More than half can be tried, if one asks for a direction and not for a level. What cannot be tried is
# what the paper is best known for: results at scale, detection, robustness. There a reader has to go by what is
# printed, so what is *not* printed matters most: seeds of pre-training, other sizes, what was tried and dropped.
#
# A card that says *seen* is no proof and one that says *not seen* no refutation. Read the line under it before you
# quote it.
#
# ### Exercise 1: write a review
#
# > **Difficulty** 2 of 5 · **Time** 25 minutes
#
# Return a review of the paper as a dict with these parts. Each decimal number must stand in a sentence that names its
# table, as in *(Table 1f)*. The check looks at the form and whether your numbers are in that table (or are the
# difference of two that are); whether you are right is for your group to say.
#
# | part | what |
# |:--|:--|
# | `summary` | what was done and found, 25 words or more, in words the authors would accept |
# | `strengths`, `weaknesses` | lists of sentences |
# | `questions` | a list: what would change your mind? |
# | `claims` | a dict: at least two names from the board, each `"holds"`, `"doubtful"` or `"refuted"` |
# | `verdict` | a sentence: accept or not, and why |
# | `confidence` | 1, a guess, to 5, certain |
#
# <details><summary>Hint 1</summary>
#
# Write the summary last. Begin with the claim you believe least, and say what would make you believe it.
#
# </details>
# <details><summary>Hint 2</summary>
#
# A good weakness names what is missing and says what it could change. "More experiments" names nothing.
#
# </details>


# %%
def write_review():
    ### BEGIN SOLUTION
    summary = """Most patches of an image are hidden at random. A large encoder sees the visible ones, a small decoder
    paints the hidden ones, and the encoder is kept. Fine-tuned, it beats training from scratch, more so if it is
    large."""
    strengths = [
        "Each choice has its own table, and the baseline from scratch was tuned with care.",
        "Leaving hidden patches out is simple and saves most of the time: 42.4 hours become 15.4 (Table 2).",
    ]
    weaknesses = [
        "One run a row: the rows for decoder depth differ by 0.1 after fine-tuning (Table 1a), without any seeds.",
        "The robustness claim hides a size: on sketches ViT-B has 34.5 and its supervised twin 35.6 (Table 13).",
    ]
    questions = ["How far do two pre-trainings with other seeds lie apart, and does more data help as more epochs do?"]
    return {
        "summary": summary, "strengths": strengths, "weaknesses": weaknesses, "questions": questions,
        "claims": {"no mask tokens in the encoder": "holds", "robust": "doubtful", "high ratio": "holds"},
        "verdict": "Accept: the method is simple and carefully tested; ask for seeds and for a word on small models.",
        "confidence": 4,
    }  # fmt: skip
    ### END SOLUTION


check.review(write_review)

# %% [markdown]
# ## Limits
#
# ### It blurs
#
# Squared error asks for the mean of all that is possible ([notebook 05](05_loss_and_pictures.ipynb)). How much is lost?
# Take the hidden patches and compare how much neighbouring pixels differ in the output and in the truth. **Predict**
# the share of that fine contrast which survives, and what the model paints where a whole dog was hidden.

# %%
model = ml.load_model()
photos = torch.cat([ml.load_image(path, model) for path in ml.list_photos()])  # none was in the training
masks = ml.random_mask(196, mask_ratio=0.75, batch_size=len(photos), seed=0)
painted = model(photos, masks).pred
truth = ml.patchify(photos, 8)


# %%
def fine_contrast(patches):
    pixels = patches[masks].reshape(-1, 8, 8, 3)
    return pixels.diff(dim=1).square().mean() + pixels.diff(dim=2).square().mean()


print(f"fine contrast that survives: {fine_contrast(painted) / fine_contrast(truth):.0%}")
print(f"variance that survives:      {painted[masks].var() / truth[masks].var():.0%}")

# %%
dog, photo = torch.zeros(14, 14), ml.load_image(ml.asset_path("photos", "dogs.jpg"), model)
dog[1:9, 4:8] = 1
ml.reconstruct(model, photo, ml.mask_from_grid(dog)).figure(("original", "masked", "pasted"))

# %% [markdown]
# **Explain.** Overall brightness and colour come through, fine contrast is mostly gone. And where a thing is hidden
# completely, the model paints what usually continues such surroundings. Nothing in the picture marks it as invented.
# The paper says so itself under *Broader impacts*: the model may generate content that does not exist, and its
# predictions follow the statistics of the training data, with their biases.

# %% [markdown]
# ### It knows the world it was shown
#
# The bundled model learned from photos of things. Make a drawing of each of the bundled photos, dark lines where
# neighbouring pixels differ most. **Predict**: is it still ahead of the soap film of notebook 03 on the drawings, which
# show the same things?

# %%
from mae_lite.images import normalize
from mae_lite.show.figures import show_pictures

grey = ml.to_uint8(photos, model.cfg).float().mean(dim=1)
steps = grey.diff(dim=1, append=grey[:, -1:]).abs() + grey.diff(dim=2, append=grey[:, :, -1:]).abs()
lines = steps > steps.flatten(1).quantile(0.88, dim=1)[:, None, None]
drawings = torch.where(lines, 30, 240).to(torch.uint8)[:, None].expand(-1, 3, -1, -1)

# %%
k = [path.stem for path in ml.list_photos()].index("pagoda")
shown = {"photo": ml.to_uint8(photos, model.cfg)[k], "drawing": drawings[k]}
show_pictures(shown, alt="A photo of a pagoda, and a drawing of it: black lines on white where the photo has edges.")

# %%
from mae_lite.measure import evaluate

for name, imgs in {"photos": photos, "drawings": normalize(drawings, model.cfg)}.items():
    errors = evaluate.masked_errors(model, imgs)
    skill = 1 - errors["model"].sum() / errors["harmonic"].sum()
    print(f"{name:8}  skill over the soap film {skill:+.2f}")

# %% [markdown]
# **Explain.** The things are the same, and most of the lead is gone with the colours, the light and the soft edges that
# the model knows. The same holds for what we cannot measure here: a model pre-trained on ImageNet has seen what was
# photographed, uploaded and picked for ImageNet. A low loss on a held-out part of the same collection cannot show what
# the collection lacks.

# %% [markdown]
# ### Its features are not sorted for a line
#
# **Predict**: with the linear probe alone, where does MAE's ViT-L stand against MoCo v3's? And once one block of 24 may
# be tuned?

# %%
for row in load_table("Figure 9").rows[:4]:
    mae, moco = row.values["mae"], row.values["moco"]
    print(f"{row.label:>3} blocks tuned: MAE {mae}, MoCo v3 {moco or 'not given'}")

# %% [markdown]
# **Explain.** Behind without tuning, ahead with one block. The paper concludes that linear separability is not the sole
# measure of features. True, and it depends on who asks: whoever retrieves, clusters or labels on a laptop uses features
# as they are. The limit is real for them ([notebook 09](09_transfer.ipynb)).
#
# ### Which size was it?
#
# **Predict**: four test sets of shifted images, MAE against supervised training of the same encoder. On how many is MAE
# ahead for ViT-B, and from which size on for all four?

# %%
figures.show_robustness(load_table("Table 13"))

# %%
for size in ("b", "l", "h"):
    ahead = []
    for row in load_table("Table 13").rows:
        gain = row.values[size] - row.values[f"sup_{size}"]
        ahead += [row.label] if (gain < 0) == (row.values["unit"] == "error") else []
    print(f"ViT-{size.upper()}: ahead on {len(ahead)} of 4: {', '.join(ahead)}")

# %% [markdown]
# **Explain.** On one of four. At ViT-B MAE is *worse* than supervised training on three of
# the four robustness sets; the advantage appears with scale. The table is in the appendix, and complete: nothing was
# hidden, but it has to be read by columns.
#
# ### It is not cheap
#
# **Predict**: how many core-days did the paper's 800 epochs of ViT-L take, without mask tokens and with them?

# %%
for row in load_table("Table 2").rows[:3]:
    print(f"{row.label:24} {row.values['hours'] * 128 / 24:6.0f} TPU-v3 core-days")

# %%
runs = [record for record in records if record["seconds"]]
minutes = sum(record["seconds"] for record in runs) / 60
print(f"all {len(runs)} of our pre-trainings together: {minutes:.0f} minutes of {runs[0]['device']}")

# %% [markdown]
# **Explain.** Three times cheaper is still a great deal, and the table holds single runs: what was tried on the way is
# not in it. That decides who can check such a paper. A small run checks directions; a claim about scale stays with
# those who have it.
#
# ### Exercise 2: the cheapest run that could refute a claim
#
# > **Difficulty** 3 of 5 · **Time** 20 minutes
#
# Pick a claim of the board and design two arms whose difference could speak *against* it. Return a dict:
#
# | key | what |
# |:--|:--|
# | `claim` | its name on the board |
# | `arms` | a pair, each the name of an arm of the study or a dict with one changed field, as `{"mask_ratio": 0.2}` |
# | `metric` | `"linear"`, `"knn"` or `"finetune"`, in points; `"loss"` if the claim is about the loss |
# | `refuted_if` | `"first is higher"` or `"second is higher"` |
# | `by` | by how much, so that it is no luck |
# | `seeds` | how many for each arm |
#
# `records` are like those above; the deviation of the default over its seeds is
# `paper_results.spread(records, "default", metric).std`. All arms: `mae_course.studies.arms.ARMS`.
#
# <details><summary>Hint 1</summary>
#
# Which result would make you say that the claim does not hold here? Write that down first; the arms follow.
#
# </details>
# <details><summary>Hint 2</summary>
#
# A gap counts from two standard errors of the difference of two means: 2 std √(2 / seeds), as in notebook 08.
#
# </details>


# %%
def refute(records):
    ### BEGIN SOLUTION
    seeds, metric = 3, "linear"
    std = paper_results.spread(records, "default", metric).std
    return {
        "claim": "random masks",
        "arms": ("mask-grid-75", "default"),
        "metric": metric,
        "refuted_if": "first is higher",
        "by": 2 * std * (2 / seeds) ** 0.5,
        "seeds": seeds,
    }
    ### END SOLUTION


check.refute(refute)

# %% [markdown]
# A design that no result can refute is no experiment. And one outcome is left out of the dict, the likeliest: a
# difference within the noise. Say beforehand what you will do then.
#
# ## A reader's question
#
# > May I use the weights in a product? (The question behind
# > [mae, issue 158](https://github.com/facebookresearch/mae/issues/158) and
# > [issue 208](https://github.com/facebookresearch/mae/issues/208). None of the authors answered.)
#
# **Predict**: the same family of weights is offered at three places, by the authors, by timm and on Hugging Face. Do
# the three name the same licence?

# %%
from mae_lite.weights.catalogue import PUBLISHED

for name in ("mae_visualize_vit_base", "timm/vit_base_patch16_224.mae", "facebook/vit-mae-base"):
    print(f"{PUBLISHED[name].source:13} {name:30} {PUBLISHED[name].licence}")

# %% [markdown]
# **Explain.** They conflict. The authors' repository puts code and weights under CC BY-NC 4.0, not for commercial use,
# and timm repeats it. The card of `facebook/vit-mae-base` says Apache 2.0. Until somebody with the right to say so
# settles it, treat the weights as non-commercial, and ask a lawyer, not a notebook. This package contains none of that
# code; its own weights are MIT, and the photos they learned from have terms of their own.
#
# ## What came after
#
# One line each, from their abstracts or code, sorted by what they ask of MAE. **Predict**: which of the paper's choices
# was questioned most, the target, the encoder without mask tokens, or the mask?

# %%
works = claim_board.load_follow_ups()
claim_board.show_follow_ups(works)

# %%
for asked in dict.fromkeys(work.asks for work in works):
    print(f"{asked:22} {sum(work.asks == asked for work in works)}")

# %% [markdown]
# **Explain.** What to predict and how to split encoder and decoder are asked equally often, and *why does it work at
# all* still more. (The list is a choice of ours and no census.) Two of the doubts on the board have become papers:
# whether pixels are the right target (data2vec, I-JEPA, *Learning by reconstruction*), and whether mask tokens must
# look at each other (CrossMAE). That small models gain less is a paper too.
#
# ### Exercise 3: plan a follow-up with a budget
#
# > **Difficulty** 2 of 5 · **Time** 15 minutes
#
# Choose a question that the board leaves open and say in a sentence what you would vary. Then count: `record` is one
# run of ours, with `seconds`, `steps`, `images_seen` (over all epochs), `train_images` and `epochs`. You want to train
# on `images` images for `epochs` epochs, with `arms` arms, and have `hours` hours on the same machine. Return two
# numbers: the hours that one run takes, and how many whole seeds each arm can have.
#
# <details><summary>Hint 1</summary>
#
# Seconds for one image come from `seconds` and `images_seen`. A run shows `images` x `epochs` of them.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `hours // (arms * run)` drops what does not fit.
#
# </details>


# %%
def plan(record, images, epochs, arms, hours):
    ### BEGIN SOLUTION
    run = images * epochs * record["seconds"] / record["images_seen"] / 3600
    return run, int(hours // (arms * run))
    ### END SOLUTION


check.plan(plan)

# %% [markdown]
# The same sum for the real record: how many arms with three seeds each fit into a night of eight hours?

# %%
default = next(record for record in records if record["arm"] == "default")
hours = default["train_images"] * 4 * default["seconds"] / default["images_seen"] / 3600
print(f"4 epochs of {default['train_images']:,} images: {60 * hours:.1f} minutes on {default['device']}")
print(f"a night of 8 hours: {int(8 // (3 * hours))} arms with three seeds each")

# %% [markdown]
# ## Twenty questions
#
# For a group, each with the experiment that informs it: do not vote, look.
#
# ### Masks
#
# 1. Is a patch a word? What would be? [01, Difference 2: information
#    density](01_words_to_pixels.ipynb#Difference-2:-information-density)
# 2. How much of a picture is told by its neighbours, and what is left for learning? [03, How
#    much?](03_what_to_hide.ipynb#How-much?)
# 3. Grid masks give the lower loss and the worse features. What, then, should one look at during a training? [03, Which
#    ones?](03_what_to_hide.ipynb#Which-ones?)
# 4. Which ratio would you choose for X-rays, for satellite images, for text on a page? [03, Why is a soap film so
#    good?](03_what_to_hide.ipynb#Why-is-a-soap-film-so-good?)
# 5. The mask is drawn anew at each step. Is MAE then training on more data than its rivals, or on less? [03, A reader's
#    question](03_what_to_hide.ipynb#A-reader's-question)
#
# ### Encoder and decoder
#
# 6. The encoder is never told where the holes are. Does it know? [04, Does it really not see
#    them?](04_encoder_decoder.ipynb#Does-it-really-not-see-them?)
# 7. Is the speed-up a property of the method or of ViT-L? [04, How small must the decoder
#    be?](04_encoder_decoder.ipynb#How-small-must-the-decoder-be?)
# 8. The decoder is thrown away. Is what it knows lost, or was it never in the encoder? [10, what does the decoder
#    do?](10_looking_inside.ipynb#A-reader's-question:-what-does-the-decoder-do?)
# 9. Could one do all this with convolutions in 2016? [01, Difference 1:
#    architecture](01_words_to_pixels.ipynb#Difference-1:-architecture)
#
# ### Target and loss
#
# 10. Why does a blurred picture not mean poor features? [05, Why squared error
#     blurs](05_loss_and_pictures.ipynb#Why-squared-error-blurs)
# 11. Norm-pix drops brightness and contrast. What else would you drop from the target? [05, Where the error
#     sits](05_loss_and_pictures.ipynb#Where-the-error-sits)
# 12. When does a figure of reconstructions mislead? [05, With the true statistics: a
#     leak](05_loss_and_pictures.ipynb#With-the-true-statistics:-a-leak)
# 13. Does the model understand, or does it continue? Which picture would convince you? [07, What does it know about the
#     world?](07_reconstruction.ipynb#What-does-it-know-about-the-world?)
#
# ### Results
#
# 14. Which row of Table 1 would you not bet on? [08, Seed noise](08_results.ipynb#Seed-noise)
# 15. Fine-tuning and linear probing disagree about the best ratio. Which one is the paper about? [08, How much to
#     hide](08_results.ipynb#How-much-to-hide)
# 16. One of our arms goes against the paper, or would. What do you change first: data, size or budget? [08, What our
#     records say](08_results.ipynb#What-our-records-say)
# 17. Is a method worse if its features need tuning? For whom? [09, Weak linearly, strong fine-tuned:
#     why?](09_transfer.ipynb#Weak-linearly,-strong-fine-tuned:-why?)
# 18. You have a few hundred labels. Is MAE what you want? [09, With fewer labels](09_transfer.ipynb#With-fewer-labels)
# 19. Which pretty picture would you take out of a talk after its control? [10, Maps of
#     features](10_looking_inside.ipynb#Maps-of-features)
# 20. What would have to be shown for *scalable* to be true of data, and not of models alone? [08, What cannot be
#     compared at all](08_results.ipynb#What-cannot-be-compared-at-all)
#
# Agendas, role cards, a handout and a template for notes: [the reading group's guide](guides/reading_group.md).

# %% [markdown]
# ## Key takeaways
#
# - Hide most of the patches, keep them out of the encoder, paint them with a small decoder that is thrown away. That is
#   all of it, and it trains large models cheaply.
# - Images are redundant, so little hiding is too easy; that is why 75 % and why at random.
# - Good pictures, a low loss and good features are three things. The paper is about the third.
# - The features want tuning: behind by a linear probe, ahead with one block tuned. And the advantages grow with size;
#   at ViT-B some are not there.
# - A claim is as good as the run that could have refuted it. Ask for seeds, controls and the size it was shown at.
#
# ## Quiz
#
# **1.** A blog says that MAE needs three times less compute than its rivals. Which table is meant, and what does it
# compare?
#
# <details><summary>Answer</summary>
#
# Table 2, and it compares MAE with itself: with and without mask tokens in the encoder. Rivals are compared in section
# 4.2 by hours.
#
# </details>
#
# **2.** You fine-tune the ViT-B for a camera in the rain, because MAE is robust. What does the paper say?
#
# <details><summary>Answer</summary>
#
# Table 13: on corrupted images MAE's ViT-B makes more errors than the same encoder trained with labels. The advantage
# begins with ViT-L.
#
# </details>
#
# **3.** Our small run shows no difference between two arms where the paper has ten points. What has been refuted?
#
# <details><summary>Answer</summary>
#
# Nothing about the paper. At our scale the difference is smaller than our noise; more seeds would say how small. It is
# a reason to ask what at the larger scale makes it.
#
# </details>
#
# ## To discuss
#
# 1. What would change your mind about the claim you like best? Is there a run for it on the board?
# 2. The paper says under *Broader impacts* that the model may invent content and carries the biases of its data. What
#    would you add, and what would you measure?
# 3. You may add one table to the paper, and remove one figure. Which?
#
# ## Further reading
#
# - The paper: [He et al. 2021](https://arxiv.org/abs/2111.06377), with the appendix; the authors' code and weights:
#   [facebookresearch/mae](https://github.com/facebookresearch/mae), CC BY-NC 4.0.
# - What it stands on: [Dosovitskiy et al. 2020](https://arxiv.org/abs/2010.11929), ViT, and
#   [Bao et al. 2021](https://arxiv.org/abs/2106.08254), BEiT.
# - Weights elsewhere. timm: [vit_base_patch16_224.mae](https://huggingface.co/timm/vit_base_patch16_224.mae), the
#   encoder alone, trained on norm-pix, CC BY-NC 4.0. Hugging Face:
#   [facebook/vit-mae-base](https://huggingface.co/facebook/vit-mae-base), with decoder, for plain pixels; its card says
#   Apache 2.0. These are different weights and will not give equal features; on the licences see the reader's question.
# - How to run a seminar in roles: [Jacobson and Raffel](https://colinraffel.com/blog/role-playing-seminar.html).
#
# {navigation}
