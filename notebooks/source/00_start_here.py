# %% [markdown]
# # Start here
#
# Hide three quarters of a photo, show the rest to a small network, and let it paint what it cannot see.

# %%
import mae_lite as ml

model = ml.load_model()
photo = ml.load_image(ml.asset_path("photos", "dahlia.jpg"), model)
mask = ml.random_mask(model.num_patches, mask_ratio=0.75, seed=0)
ml.reconstruct(model, photo, mask).figure()

# %% [markdown]
# From left to right: the photo; what the network got, the rest in grey; what it painted for every patch; the same with
# the visible patches put back; and where it was wrong, black for not at all and yellow for very.
#
# The network is a **masked autoencoder** (He et al. 2021, [arXiv 2111.06377](https://arxiv.org/abs/2111.06377)). Nobody
# labelled a picture for it. It learned by doing what you just saw, over and over: hide most of a photo, fill it in,
# compare with the truth. The paper's finding is that a network trained this way becomes a strong starting point for
# recognising things. This collection lets you take the method apart.
#
# These notebooks need no GPU and no internet. To run a cell, click it and press Shift+Enter; to run all of them, choose
# *Run > Run All Cells*.

# %% [markdown]
# ## Does it work here?
#
# What this notebook runs on, whether the bundled weights give the numbers they should, and how long one reconstruction
# takes on this machine.

# %%
print(ml.doctor())

# %% [markdown]
# If the last line is not *all is well*, it says what to do. `import mae_lite` fails when the
# notebook runs on another Python than the one the package was installed in: start it with `make lab` from the
# project's folder.
#
# ## Where to go
#
# **[07 Reconstruction lab](07_reconstruction.ipynb)** (25 minutes): drag the share of hidden patches, change the kind
# of mask, bring a photo of your own, and find out what the model knows and where it only smears colours.
