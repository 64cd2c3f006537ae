# %% [markdown]
# # 01 From missing words to missing pixels
#
# Hide a few words of a sentence and let a network guess them: that is BERT, of 2018. Hide most patches of a photo
# and let a network guess them: that is MAE, three years later. Why so late, and why *most* and not *a few*? The MAE
# paper asks it so: *what makes masked autoencoding different between vision and language?*
#
# **You will be able to**
# - place MAE among its ancestors by what each hides and what it predicts;
# - mask a sentence as BERT does, and write down what may be looked at, left to right or masked;
# - name the three differences between words and pixels, and point to a measurement for each;
# - say why hiding 15 % is hard for words and easy for pixels, and what such curves cannot show.
#
# **Time** 25 minutes to read and run, 35 more with the three exercises. **Needs** some PyTorch for the exercises. No
# GPU.
#
# {navigation}

# %%
import torch

import mae_lite as ml
from mae_course.exercises import words_to_pixels as check
from mae_course.figures import words_to_pixels as figures
from mae_course.pages.timeline import Timeline
from mae_course.pages.twin import twin_slider
from mae_course.paper.tables import load_table
from mae_course.studies import redundancy, text_data, text_fill, text_model
from mae_lite.measure import cost

_ = torch.set_grad_enabled(False)  # nothing is trained here

# %% [markdown]
# ## Guess first
#
# Two networks are loaded: the photo model of this collection, and a small one that learned to fill in words from five
# novels by Jane Austen. Both are a stack of the same Transformer blocks. (To tell places apart, one adds positions to
# its patches, the other a number for each distance to its attention.)

# %%
model = ml.load_model()
filler, vocabulary = text_model.load_word_model()
print(type(model.encoder.blocks[0]), type(filler.blocks[0]))
assert type(model.encoder.blocks[0]) is type(filler.blocks[0])

# %% [markdown]
# A sentence that the word model has not seen, and a photo that the photo model has not seen. Both are hidden to the
# same share, in a nested way: what is hidden at 15 % is hidden at 40 % as well.

# %%
words = text_data.split_words(text_data.SENTENCE)
ids = vocabulary.encode(words)[None]
word_masks = torch.cat([ml.random_mask(len(words), ratio) for ratio in text_fill.RATIOS])
photo = ml.load_image(ml.asset_path("photos", "pagoda.jpg"), model)
masks = torch.cat([ml.random_mask(196, ratio) for ratio in text_fill.RATIOS])

# %% [markdown]
# Three ways to answer, each for words and for pixels.
# - **trivial guess**: the most frequent word; the mean colour of what is visible.
# - **neighbours**: the word that goes best with the words left and right of the gap, by counted pairs; a soap film
#   stretched from the visible pixels (notebook 03). Both know nothing but what is next to a gap.
# - **network**: the two Transformers.

# %%
train_words, held_out = text_data.split_chapters()
pairs = text_fill.count_pairs(vocabulary.encode(train_words), len(vocabulary))
by_words = {
    "trivial guess": [text_fill.frequent_fill(ids, mask[None], pairs) for mask in word_masks],
    "neighbours": [text_fill.neighbour_fill(ids, mask[None], pairs) for mask in word_masks],
    "network": [text_fill.masked_fill(ids, mask[None], filler) for mask in word_masks],
}
word_fills = {name: [vocabulary.decode(one[0].tolist()) for one in fills] for name, fills in by_words.items()}

# %%
hidden = [ml.pixel_mask(mask[None], model.cfg.grid_size, model.cfg.patch_size) for mask in masks]
outputs = [ml.unpatchify(model(photo, mask[None]).pred, 8, (14, 14)) for mask in masks]
photo_fills = {
    "trivial guess": [ml.visible_mean_fill(photo, pixels) for pixels in hidden],
    "neighbours": [ml.harmonic_fill(photo, pixels) for pixels in hidden],
    "network": [torch.where(pixels, out, photo) for pixels, out in zip(hidden, outputs, strict=True)],
}

# %% [markdown]
# **Predict**: start at 15 %. Say the missing words aloud, then say what is in the grey patches. Which was easier? Press
# *the truth*, then compare yourself with the three other answers. Move on to 40 % and 75 %.

# %%
twin_slider(words, word_masks, word_fills, photo, masks, photo_fills, model.cfg)

# %% [markdown]
# **Explain.** A few missing patches need no thought: colours and edges go on from all sides. A few missing words need
# a lot. You have to understand the sentence, and even then there are several good answers. At 75 % it is the other way
# round: the sentence is lost, for you and for the network, and the photo is still a tower by the water.
#
# This is one sentence and one photo. Further down the same is measured on many.
#
# ## Nine ways to hide
#
# Each card says what is hidden and what is to be predicted. *more* (click, or Tab and Enter) tells about the network
# and what MAE took from it.

# %%
Timeline()

# %% [markdown]
# Compare the first card with the last: from hiding nothing and predicting everything to hiding three quarters and
# predicting what is missing. Two families are told apart by their clues: left to right (GPT, iGPT), and masked (BERT,
# BEiT, MAE).
#
# The research question of the MAE paper is the one this notebook opened with. Its introduction answers in three points,
# and the rest of the notebook takes them one by one:
# 1. **architecture**: convolutions had no good place for mask tokens and positions, until ViT;
# 2. **information density**: words are dense with meaning, pixels are redundant;
# 3. **the decoder's role**: to predict words is to predict meaning, to predict pixels is not.
#
# ## Left to right, or masked
#
# First the two families. A network trained left to right sees, for each word, those before it. One trained by masks
# sees the visible words on both sides, and is asked for the hidden ones only. **Predict**: in a sentence of six words
# with two hidden, how many predictions can be graded in each case?

# %%
six, gaps = ["she", "threw", "a", "mist", "over", "it"], torch.tensor([0, 1, 0, 0, 1, 0]).bool()
before, seen = torch.ones(6, 6).bool().tril(-1), gaps[:, None] & ~gaps[None, :]
figures.show_clues({"left to right": before, "masked": seen}, six)

# %% [markdown]
# **Explain.** Left to right grades every word (the first from nothing, so its row is empty); masked grades two. But
# those two have clues on both sides. GPT gets more exercise out of a sentence, BERT more context for each.
#
# ### Exercise 1: hide words as BERT does
#
# > **Difficulty** 2 of 5 · **Time** 10 minutes
#
# BERT picks 15 % of the words to be predicted. Of those, 80 % become the mask token, 10 % another word drawn at random
# and 10 % stay as they are: so the network can never be sure that a word it is given is right. `ids` is (b, n), word 0
# is the mask token, and words have numbers below `vocab_size`. Return what the network is given, and a boolean tensor,
# True = chosen. A coin for each word will do.
#
# <details><summary>Hint 1</summary>
#
# `torch.rand(ids.shape, generator=generator)` throws a die for each word. You need one to choose, and a second to
# decide what becomes of the chosen ones.
#
# </details>
# <details><summary>Hint 2</summary>
#
# With the second die, below 0.8 is hidden and above 0.9 is another word. `torch.where(condition, a, b)` picks from two
# tensors.
#
# </details>


# %%
def bert_mask(ids, vocab_size, generator):
    b, n = ids.shape
    ### BEGIN SOLUTION
    chosen = torch.rand(b, n, generator=generator) < 15 / 100
    die = torch.rand(b, n, generator=generator)
    other = torch.randint(vocab_size, (b, n), generator=generator)
    given = torch.where(chosen & (die < 0.8), 0, ids)
    return torch.where(chosen & (die > 0.9), other, given), chosen
    ### END SOLUTION


check.bert_mask(bert_mask)

# %% [markdown]
# MAE needs none of the 80 / 10 / 10. BERT has it because mask tokens occur in training and never after; the encoder of
# MAE never sees one.
#
# ### Exercise 2: who may look at what
#
# > **Difficulty** 2 of 5 · **Time** 10 minutes
#
# Write the two tables above for any sentence. `hidden` is (n,) boolean. Return (n, n) boolean: row = word to be
# predicted, column = word it may be predicted from. With `causal=True` every word is predicted from those before it and
# `hidden` does not matter; with `causal=False` only hidden words are predicted, from the visible ones.
#
# <details><summary>Hint 1</summary>
#
# `torch.ones(n, n).tril(k)` keeps what is below a diagonal. Which k leaves the diagonal itself out?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `hidden[:, None]` says something about rows, `hidden[None, :]` about columns.
#
# </details>


# %%
def clues(hidden, causal):
    n = len(hidden)
    ### BEGIN SOLUTION
    if causal:
        return torch.ones(n, n, dtype=torch.bool).tril(-1)
    return hidden[:, None] & ~hidden[None, :]
    ### END SOLUTION


check.clues(clues)

# %% [markdown]
# ### The same sentence, left to right
#
# Here is how the left-to-right twin of our word model fills the sentence: the same blocks, the same text, the same
# number of steps. It goes from left to right and has to trust its own guesses. **Predict**: can it make use of the
# visible words after a gap?

# %%
causal_guesses = redundancy.load_record()["causal_guesses"]
for ratio in (0.4, 0.95):
    k = text_fill.RATIOS.index(ratio)
    gaps = ["·····" if is_hidden else word for word, is_hidden in zip(words, word_masks[k].tolist(), strict=True)]
    print(f"{ratio:.0%} hidden:   ", *gaps)
    print("  left to right:", *causal_guesses[str(ratio)])
    print("  masked:       ", *word_fills["network"][k], end="\n\n")

# %% [markdown]
# **Explain.** No: when it comes to a gap, the rest of the sentence is not there yet. A guess can fit what came before
# and clash with what follows. The masked model sees both sides of a gap, but fills all gaps at once, so two of its
# guesses can clash with each other. Where nearly all is hidden the difference is plain. Left to right, one guess leads
# to the next, and something fluent comes out that has little to do with the sentence; masked, each gap gets the most
# likely word by itself. One lends itself to writing, the other to reading.
#
# ## Difference 1: architecture
#
# A Transformer takes a list of tokens of any length, each with its position. So a hidden patch can simply be left out.
# A convolution slides over a full grid: something has to stand where a patch is missing. **Predict**: fill the holes of
# the photo with grey, then with black. In how many of the *visible* patches does what comes out change, for a stack of
# six convolutions and for the encoder?

# %%
mask = masks[text_fill.RATIOS.index(0.75)]
pixels = hidden[text_fill.RATIOS.index(0.75)]
holes = {"grey": photo.where(~pixels, 0.0), "black": photo.where(~pixels, -2.0)}
ids_keep, _ = ml.ids_from_mask(mask[None])
latents = {name: model.encoder(imgs, ids_keep) for name, imgs in holes.items()}

# %%
torch.manual_seed(0)
stack = torch.nn.Sequential(
    torch.nn.Conv2d(3, 24, 8, stride=8), *(torch.nn.Conv2d(24, 24, 3, padding=1) for _ in "12345")
)
grids = {name: stack(imgs).flatten(2)[0][:, ~mask] for name, imgs in holes.items()}
touched = (grids["grey"] != grids["black"]).any(dim=0).float().mean()
print(f"convolutions: {touched:.0%} of the visible patches change with the filling")
same = (latents["grey"] == latents["black"]).all(dim=2).float().mean()
print(f"encoder:      {1 - same:.0%}")

# %% [markdown]
# **Explain.** After six convolutions the filling has leaked into everything, and no place is left that knows of visible
# pixels alone. The encoder of MAE does not depend on it at all: those patches never went in.
#
# **Why not before?** The context encoder of 2016 hid large regions, but had to keep the hole as blank pixels. Only with
# ViT, in late 2020, did an image become a list of tokens that can be shortened, with positions and mask tokens as in
# language. The paper calls this the architectural gap, and MAE came a year after it was closed. (It is no law of
# nature: later work taught convolutions to skip the holes, [SparK](https://arxiv.org/abs/2301.03580) and
# [ConvNeXt V2](https://arxiv.org/abs/2301.00808).)
#
# ## Difference 2: information density
#
# How much of what is hidden does the rest tell? Both records below were made once and are read from files: accuracy of
# hidden words over held-out chapters, and error of hidden patches over 200 photos. To put them on one scale, a score: 0
# for the trivial guess, 1 for perfect.
#
# **Predict** before you run: with 15 % hidden, how far do *neighbours* get with words, and how far with pixels?

# %%
word_curves, pixel_curves = redundancy.word_curves(), redundancy.pixel_curves()
figures.show_redundancy(word_curves, pixel_curves)

# %%
for ratio in (0.15, 0.75):
    print(f"{ratio:.0%} hidden")
    for curve in (*word_curves, *pixel_curves):
        print(f"   {curve.name:15} {redundancy.at(curve, ratio):.2f}")

# %% [markdown]
# **Explain.** With little hidden, a soap film restores most of a photo without any knowledge of the world. The network
# can add little there; it adds most where most is hidden. For words, neighbours leave most of the way open even where
# nearly all of them are visible, so there is something to learn from the first hidden word on. With three quarters
# hidden, all that fills words is near the trivial guess, and the network for pixels is still far above it.
#
# > **What these curves do not show.** A word is right or wrong, a pixel is a little off: the same height for both does
# > not mean equally good. Our word models are small and have read little, so they stay not far above the neighbours;
# > how much of the way a large one would go is not measured here (you went some of it yourself, at the top). And
# > neither curve says which ratio teaches the best *features*: that takes training at each ratio, as the paper did for
# > photos (Figure 5). For words, 15 % was long taken for granted;
# > [Wettig et al. 2022](https://arxiv.org/abs/2202.08005) found 40 % better for large models.
#
# ### Exercise 3: why does 15 % not hurt words, and why is it too easy for pixels?
#
# > **Difficulty** 2 of 5 · **Time** 15 minutes
#
# Write an argument of three or four sentences for somebody who has read neither paper. It should rest on numbers, so
# read three off the figure: the score of neighbours for words and of the soap film for pixels with 15 % hidden, and the
# share hidden at which the network is farthest ahead of the soap film. Shares and scores both lie between 0 and 1.
#
# <details><summary>Hint</summary>
#
# The network is ahead by the height between the solid and the dashed line of the pixels. It is not widest where the
# network's own score is best.
#
# </details>
# <details><summary>What makes a good argument</summary>
#
# - It says what the trivial and the neighbours' guess reach before it says what a network reaches.
# - It explains *too easy*: what can be had from neighbours gives no reason to learn anything about things.
# - It explains *does not hurt*: with one word in seven missing, the rest still says what the sentence is about, and
#   each gap is a question that neighbours cannot answer.
# - It admits what was not measured: features, other languages, larger models, other patch sizes.
#
# </details>


# %%
answer = {"neighbours, words": 0.2, "soap film, pixels": 0.8, "network's lead is largest, pixels": 0.9}  # SOLUTION
check.reading(answer)

# %% [markdown]
# ## Difference 3: what the decoder is for
#
# The word model ends in one linear layer: a vector in, a score for each word of the vocabulary out. Its weights are
# those of the embedding, used a second time, and only a bias comes on top. There is no decoder, and BERT has hardly
# more. MAE needs a second small Transformer to get back from meaning to pixels.
# **Predict**: which share of each network's weights is there only to produce the answer?


# %%
def count(*parts):
    return sum(weights.numel() for part in parts for weights in part.parameters())


print(f"words:  {filler.bias.numel() / count(filler):.1%} of {count(filler):,} weights")
print(f"pixels: {count(model.decoder) / count(model):.1%} of {count(model):,} weights")

# %% [markdown]
# And what does it do for the features? From the paper's Table 1a (ViT-L, read from its record): accuracy of the encoder
# alone, by the number of blocks of the decoder that it was trained with and that is then thrown away.

# %%
for row in load_table("Table 1a").rows:
    print(f"{row.label:>2} blocks: linear probe {row.values['lin']} %, fine-tuned {row.values['ft']} %")

# %% [markdown]
# **Explain.** The paper reads it so: with a decoder of one block, the encoder's own last layers must turn meaning into
# pixels, and a linear probe on them finds less. A deeper decoder takes that work over. Fine-tuning hardly minds, since
# it can adapt the last layers. For words the step hardly exists: what is predicted is a unit of meaning itself.
#
# ## A reader's question
#
# > Is this not just BERT for images?
#
# The idea is. **Predict**: what does it cost to follow BERT to the letter, 15 % hidden and mask tokens inside the
# encoder, instead of 75 % left out?

# %%
recipes = {"as BERT": (0.15, True), "as MAE": (0.75, False)}
for name, (ratio, tokens) in recipes.items():
    flops = cost.count_flops(model.cfg, ratio, mask_tokens_in_encoder=tokens).total
    lead = redundancy.at(pixel_curves[2], ratio) - redundancy.at(pixel_curves[1], ratio)
    print(f"{name}: {flops / 1e9:.2f} GFLOP a photo; network ahead of the soap film by {lead:.2f}")

# %%
print("paper, Table 1c, the encoder")
for row in load_table("Table 1c").rows:
    print(f"  {row.label}: linear probe {row.values['lin']} %, {row.values['flops']} x FLOPs")

# %% [markdown]
# **Explain.** Four things were changed: patches are left out and not replaced, far more is hidden, the target is
# pixels, and a decoder is put in between. BEiT had come nearer to BERT's letter, with visual words for a vocabulary,
# and did well too. What MAE showed is that none of that is needed, and that leaving patches out makes it cheap enough
# to train very large models.
#
# ## Key takeaways
#
# - Hide, predict, compare: one idea from denoising autoencoders to BERT and MAE. They differ in what is hidden, what is
#   predicted, and who may look at what.
# - Left to right grades every word and sees one side; masked grades the hidden ones and sees both.
# - ViT made an image a list of tokens, so hidden patches can be left out; a convolution smears the filling into all it
#   computes.
# - Neighbours tell most of a patch and little of a word. A task must leave something that neighbours do not tell.
# - Words are meaning already; from meaning to pixels is a way, and the decoder goes it so that the encoder need not.
#
# ## Quiz
#
# **1.** Why can GPT do without a mask token?
#
# <details><summary>Answer</summary>
#
# It never sees the word it has to predict nor anything after it, so there is no hole to mark.
#
# </details>
#
# **2.** A colleague masks 15 % of the patches and reports a very low error. What do you ask her?
#
# <details><summary>Answer</summary>
#
# What the soap film reaches on the same masks. With so little hidden the neighbours tell nearly everything.
#
# </details>
#
# **3.** Why does BERT leave some of the chosen words as they are?
#
# <details><summary>Answer</summary>
#
# After training there are no mask tokens, and the network should have something to say about words it can see. If every
# word it is asked about were hidden, it would never have to.
#
# </details>
#
# ## To discuss
#
# 1. Is a patch the counterpart of a word, of a letter, or of neither? What would the curves look like for single
#    letters, and for patches four times as large?
# 2. The word models are small and have read five novels by one author. Which of the statements above would you expect
#    to survive a model a thousand times larger, and which not?
# 3. iGPT predicts pixels left to right. What would its clue table look like for a photo, and what does reading order
#    mean there?
# 4. Sound, video, protein chains, tables: pick one and guess its neighbours' curve. Which ratio would you start with?
#
# ## Further reading
#
# - [He et al. 2021](https://arxiv.org/abs/2111.06377), sections 1 and 2.
# - [Devlin et al. 2018](https://arxiv.org/abs/1810.04805), BERT, section 3.1 and appendix A.
# - [Wettig et al. 2022](https://arxiv.org/abs/2202.08005) ask whether 15 % is right for words.
# - [Bao et al. 2021](https://arxiv.org/abs/2106.08254), BEiT, and
#   [Dosovitskiy et al. 2020](https://arxiv.org/abs/2010.11929), ViT, appendix B on masked patches.
#
# {navigation}
