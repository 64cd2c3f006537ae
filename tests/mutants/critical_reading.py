import math
import statistics

from mutants import Mutant

GOOD = {
    "summary": "Patches of an image are hidden and painted by a small decoder from what a large encoder makes of the "
    "visible ones alone, and the encoder is then fine-tuned on labels and compared with others.",
    "strengths": ["A simple method with careful controls of each choice.", "The encoder is cheap while it is trained."],
    "weaknesses": ["Every row of the ablation is a single run.", "ViT-B is less robust than supervised (Table 13)."],
    "questions": ["How far do two pre-trainings with other seeds lie apart?"],
    "claims": {"random masks": "holds", "robust": "doubtful"},
    "verdict": "Accept, after the small models are mentioned in the abstract.",
    "confidence": 3,
}


def written(**changes):
    return lambda: {key: value for key, value in (GOOD | changes).items() if value is not None}


def only_text():
    return "\n".join(map(str, GOOD.values()))


def deviation(records, metric):
    values = [100 * r[metric] for r in records if r["arm"] == "default"]
    return statistics.stdev(values)


def designed(**changes):
    """A right design with changes; a function among them is given the noise."""

    def design(records):
        plan = {"claim": "random masks", "arms": ("mask-grid-75", "default"), "metric": "linear", "seeds": 3}
        plan |= {"refuted_if": "first is higher"} | changes
        noise = 2 * deviation(records, plan["metric"]) * (2 / 3) ** 0.5
        gap = plan.get("by", lambda x: x)
        return plan | {"by": gap(noise) if callable(gap) else gap}

    return design


def without_metric(records):
    return {key: value for key, value in designed()(records).items() if key != "metric"}


def hours_of(record, images, epochs):
    return record["seconds"] / record["images_seen"] * images * epochs / 3600


def budget(hours_rule, seeds_rule=lambda hours, arms, run: hours // (arms * run)):
    def plan(record, images, epochs, arms, hours):
        run = hours_of(record, images, epochs)
        return hours_rule(run, record, epochs), seeds_rule(hours, arms, run)

    return plan


def same(run, record, epochs):
    return run


def one_number(record, images, epochs, arms, hours):
    return hours_of(record, images, epochs)


MUTANTS = {
    "review": [
        Mutant(only_text, "return a dict of the parts"),
        Mutant(written(questions=None), 'the part "questions" is missing'),
        Mutant(written(summary="They hide patches."), '"summary" has'),
        Mutant(written(claims={"random masks": "holds"}), "judge two claims or more"),
        Mutant(written(claims={"random masks": "holds", "sharp pictures": "doubtful"}), 'no claim "sharp pictures"'),
        Mutant(written(claims={"random masks": "holds", "robust": "maybe"}), '"maybe" is no judgement'),
        Mutant(written(confidence="high"), "confidence is 'high'"),
        Mutant(
            written(weaknesses=["Grid masks lose 7.5 points in linear probing.", "There is one run a row in it."]),
            "names no table",
        ),
        Mutant(
            written(weaknesses=["Grid masks reach 71.2 in linear probing (Table 1f).", "One run in each row of it."]),
            "71.2 is not in Table 1f",
        ),
        Mutant(
            written(weaknesses=["Its pictures are blurred, and the authors never say how much or why."] * 2),
            "rests on a table",
        ),
    ],
    "refute": [
        Mutant(without_metric, "lacks metric"),
        Mutant(designed(claim="masks are good"), 'no claim "masks are good"'),
        Mutant(designed(claim="robust"), "no arm of ours can speak to"),
        Mutant(designed(arms=("mask-grid-60", "default")), "there is no arm 'mask-grid-60'"),
        Mutant(designed(arms=({"mask_strategy": "hexagon"}, "default")), "is refused"),
        Mutant(designed(arms=({"mask_strategy": "grid", "epochs": 8}, "default")), "changes 2 things"),
        Mutant(designed(arms=({"mask_kind": "grid"}, "default")), 'has a field "mask_kind"'),
        Mutant(designed(arms=("ratio-50", "default")), "do not differ in what the claim is about"),
        Mutant(designed(metric="mse"), '"mse" does not decide this claim'),
        Mutant(designed(refuted_if="second is higher"), "what the claim predicts"),
        Mutant(designed(by=lambda noise: noise / 2**0.5), "the noise of one arm"),
        Mutant(designed(by=lambda noise: noise / 4), "may be luck"),
        Mutant(designed(by=lambda noise: noise / 100), "looks like a share"),
        Mutant(designed(by=lambda noise: 10 * noise), "lets a wrong claim off"),
        Mutant(designed(by=lambda noise: max(noise, 2.5)), '"by" did not change'),
        Mutant(designed(seeds=100), "from 1 to 10 an arm"),
    ],
    "plan": [
        Mutant(one_number, "return 2 numbers"),
        Mutant(budget(lambda run, record, epochs: 3600 * run), "that is in seconds"),
        Mutant(budget(lambda run, record, epochs: 60 * run), "that is in minutes"),
        Mutant(budget(lambda run, record, epochs: run / epochs), "that is one epoch"),
        Mutant(
            budget(lambda run, record, epochs: run * record["images_seen"] / record["train_images"]),
            "the size of the data set",
        ),
        Mutant(
            budget(lambda run, record, epochs: run * record["images_seen"] / record["steps"]), "the time of a step"
        ),
        Mutant(budget(same, lambda hours, arms, run: hours // run), "the number of runs"),
        Mutant(budget(same, lambda hours, arms, run: hours / arms / run), "no part of a run"),
        Mutant(budget(same, lambda hours, arms, run: math.ceil(hours / arms / run)), "rounded up"),
        Mutant(budget(same, lambda hours, arms, run: 3), "fit."),
    ],
}  # fmt: skip
