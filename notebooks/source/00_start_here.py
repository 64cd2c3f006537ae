# %% [markdown]
# # Start here
#
# Hide three quarters of a photo, show the rest to a small network, and let it paint what it cannot see. The results are
# on this page already; *Run > Run All Cells* makes them anew on your machine (one cell: click it, press Shift+Enter).

# %%
import mae_lite as ml

model = ml.load_model()
photo = ml.load_image(ml.asset_path("photos", "dahlia.jpg"), model)
mask = ml.random_mask(model.num_patches, mask_ratio=0.75, seed=0)
ml.reconstruct(model, photo, mask).figure()

# %% [markdown]
# From left to right: the photo; what the network got, the rest in grey; what it painted for every **patch**, as the
# squares are called; the same with the visible patches put back; and where it was wrong, black for not at all and
# yellow for very. (In the third picture the patches it *saw* look like rubble: it is never asked to paint those, only
# the hidden ones. [05](05_loss_and_pictures.ipynb) has the reason.)
#
# ## A tour in five minutes
#
# Move the slider below, by mouse or arrow keys. All pictures are in the page; nothing computes while you move. (Where
# you see four pictures and no slider, run that cell once.)
# 1. Go right. What is lost first, the petals, the outline or the colour? What is there to the end?
# 2. Look only at *given to the model* at 90 %. Would *you* have said that it is a flower?
# 3. Go left to 10 %. Is the error gone? (*MSE* is the squared error on hidden patches. *Skill* compares it with a soap
#    film through the visible pixels, which knows nothing about the world: 1 is perfect, 0 no better than the film.)
# 4. Go back to 75 %, slowly. Does a patch that was hidden ever come back on the way to the right?

# %%
from mae_lite.measure.sweeps import ratio_sweep
from mae_lite.show.sweeps import sweep_flipbook

sweep_flipbook(ratio_sweep(model, photo))

# %% [markdown]
# The network is a **masked autoencoder** (He et al. 2021, [arXiv 2111.06377](https://arxiv.org/abs/2111.06377)). Nobody
# labelled a picture for it. It learned by doing what you just saw, over and over: hide most of a photo, fill it in,
# compare with the truth. The paper's finding is that a network trained this way becomes a strong starting point for
# recognising things. This collection lets you take the method apart.
#
# ## Will it run without GPU or internet?
#
# Yes: the weights and the photos came with the package, and everything here is made for two cores of a laptop. See for
# yourself. The next cell says what this notebook runs on, whether the bundled weights give the numbers they should, and
# how long one reconstruction takes on this machine. (You may unplug the network first.)

# %%
print(ml.doctor())

# %% [markdown]
# If the last line is not *all is well*, it says what to do. `import mae_lite` fails when the notebook runs on another
# Python than the one the package was installed in: start it with `make lab` from the project's folder. With a GPU the
# line *device* names it, and nothing else changes.
#
# ## Where to go
#
# - **Explorer**, 20 minutes, to touch it: this page, then the start of [07](07_reconstruction.ipynb), where you drag,
#   paint and bring a photo of your own.
# - **Reading group**, 90 minutes, beside the paper: [01](01_words_to_pixels.ipynb), [03](03_what_to_hide.ipynb),
#   [05](05_loss_and_pictures.ipynb), [08](08_results.ipynb) and [12](12_critical_reading.ipynb), without the exercises.
#   [Agendas with the cells to show](guides/reading_group.md), for 45 and 60 minutes too.
# - **Class**, four times 90 minutes, in order: [01](01_words_to_pixels.ipynb) to [03](03_what_to_hide.ipynb); then
#   [04](04_encoder_decoder.ipynb) to [06](06_train_one.ipynb); then [07](07_reconstruction.ipynb) to
#   [09](09_transfer.ipynb); then [10](10_looking_inside.ipynb) to [12](12_critical_reading.ipynb). What is not done of
#   the exercises is homework. [For instructors](guides/teaching.md).
# - **Builder**, a weekend, to write and train one: [02](02_image_as_sentence.ipynb), [04](04_encoder_decoder.ipynb),
#   [05](05_loss_and_pictures.ipynb), [06](06_train_one.ipynb), [09](09_transfer.ipynb) and
#   [11](11_indicators_in_cnns.ipynb), with all exercises.
#
# The notebooks, in order. Each begins with what you will be able to do and how long it takes; each has exercises that
# check themselves, and a twin with the solutions filled in.
# - [01 From missing words to missing pixels](01_words_to_pixels.ipynb): what came before, and how words differ.
# - [02 An image as a sentence](02_image_as_sentence.ipynb): cut a photo into patches and lose nothing.
# - [03 How much and what to hide](03_what_to_hide.ipynb): why 15 % for words and 75 % for pictures.
# - [04 The asymmetric encoder-decoder](04_encoder_decoder.ipynb): why the encoder never sees a mask token.
# - [05 The loss, norm-pix and honest pictures](05_loss_and_pictures.ipynb): what is learned, and how a picture can lie.
# - [06 Train one, watch it learn](06_train_one.ipynb): from noise to shapes while you look on.
# - [07 Reconstruction lab](07_reconstruction.ipynb): the playground, and experiments on a trained model.
# - [08 Results and ablations](08_results.ipynb): every table of the paper, and our own small runs beside it.
# - [09 Transfer](09_transfer.ipynb): what the features are worth.
# - [10 Looking inside](10_looking_inside.ipynb): attention and features, always beside an untrained model.
# - [11 Indicators in CNNs](11_indicators_in_cnns.ipynb): can a convolution be told what is hidden? A race of answers.
# - [12 Critical reading](12_critical_reading.ipynb): claims, doubts, questions, what came after.
#
# ## The paper by its outline
#
# - **Background**: [nine ways to hide](01_words_to_pixels.ipynb#Nine-ways-to-hide), 1994 to 2021.
# - **Why not before**: [architecture](01_words_to_pixels.ipynb#Difference-1:-architecture), and
#   [11](11_indicators_in_cnns.ipynb) on the indicators.
# - **Research question**: [words and pixels](01_words_to_pixels.ipynb): what makes masked autoencoding differ between
#   them?
# - **Approach**: [what to hide](03_what_to_hide.ipynb), [what is compared](05_loss_and_pictures.ipynb).
# - **Architecture**: [patches](02_image_as_sentence.ipynb), [encoder and decoder](04_encoder_decoder.ipynb).
# - **Results**: [paper and ours](08_results.ipynb), [transfer](09_transfer.ipynb), [looking
#   inside](10_looking_inside.ipynb).
# - **Code demo**: [train one](06_train_one.ipynb), [the playground](07_reconstruction.ipynb).
# - **Discussion questions**: [twenty, each with its experiment](12_critical_reading.ipynb#Twenty-questions).
# - **Critical analysis**: [the claim board](12_critical_reading.ipynb#The-claim-board),
#   [limits](12_critical_reading.ipynb#Limits).
# - **Key takeaways**: [of the whole](12_critical_reading.ipynb#Key-takeaways); each notebook has its own.
# - **Resources**: [reading](12_critical_reading.ipynb#Further-reading),
#   [follow-ups](12_critical_reading.ipynb#What-came-after).
#
# <details><summary><b>Words you will meet</b>, one line each</summary>
#
# - **patch**: a square of pixels; the picture is cut into a grid of them. **Mask**: which patches are hidden.
# - **token**: a list of numbers that stands for a patch (or a word) inside the network. **Embedding**: the step that
#   makes it, or the list itself.
# - **Transformer**: a network for lists of tokens, a stack of equal **blocks**. In each block **attention** lets every
#   token collect from the others what it needs, and a small network (**MLP**) then works on each token alone. A
#   **vision Transformer (ViT)** is one for patches; base, large and huge are its sizes.
# - **position embedding**: numbers added to a token that say where its patch was. **Class token**: one more token that
#   stands for no patch.
# - **encoder**: turns what is visible into tokens that mean something. **Decoder**: turns those into pixels; dropped
#   after training. **Mask token**: one learned list of numbers that the decoder gets for every hidden patch.
# - **pre-training**: learning from pictures without labels. **Fine-tuning**: going on with labels, all weights moving.
#   **Linear probe**: one layer on top of the frozen encoder. **kNN**: no training at all, ask the nearest neighbours.
# - **MSE**: mean squared error. **PSNR**: the same on a log scale, in decibels; higher is better. **Norm-pix**: each
#   patch in units of its own mean and deviation.
#
# </details>
