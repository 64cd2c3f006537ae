"""mae_lite: a small, exact masked autoencoder to learn from.

Axis letters: b batch, c channels, h w pixels, n patches, n_keep visible patches, n_tokens = 1 + n_keep (class token
first), d width, p patch side, patch_dim = p * p * c. A mask is boolean, True = masked (hidden).
"""
