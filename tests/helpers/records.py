"""Records of ablations as a study would leave them."""


def record(arm, seed=0, **values):
    base = {"steps": 444, "images_seen": 28416, "seconds": 120.0, "device": "a laptop", "preset": "cpu"}
    base |= {"train_images": 7104, "test_images": 2500, "linear": None, "knn": None, "mse": None, "loss": None}
    return base | {"arm": arm, "seed": seed, "finetune": None} | values


def records(arm=0.5, seeds=(0.49, 0.5, 0.51), **arms):
    """Defaults with a deviation of one point, and arms."""
    made = [record("default", k, linear=x, loss=0.6 + 0.01 * k) for k, x in enumerate(seeds)]
    made.append(record("ratio-10", linear=arm, knn=arm))
    return made + [record(name.replace("_", "-"), **values) for name, values in arms.items()]
