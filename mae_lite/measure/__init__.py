"""What a model does to a picture, and how well: reconstructions, baselines, errors, features, attention."""
