"""Names and files to models and back: the catalogue, downloads, other layouts, checkpoints."""
