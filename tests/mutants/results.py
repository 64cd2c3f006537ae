import math
import statistics

from mutants import Mutant


def places(rows):
    ft, lin = [r[1] for r in rows], [r[2] for r in rows]
    return ft.index(max(ft)), lin.index(max(lin)), max(ft) - min(ft), max(lin) - min(lin)


def worst_ratios(rows):
    ft, lin = [r[1] for r in rows], [r[2] for r in rows]
    peak = [min(rows, key=lambda r: r[k])[0] for k in (1, 2)]
    return (*peak, max(ft) - min(ft), max(lin) - min(lin))


def exchanged(rows):
    lin, ft = sorted((r[1], r[0]) for r in rows), sorted((r[2], r[0]) for r in rows)
    return ft[-1][1], lin[-1][1], ft[-1][0] - ft[0][0], lin[-1][0] - lin[0][0]


def relative(rows):
    out = []
    for k in (1, 2):
        values = [r[k] for r in rows]
        out.append(100 * (1 - min(values) / max(values)))
    return (*(max(rows, key=lambda r: r[k])[0] for k in (1, 2)), *out)


def first_to_last(rows):
    peaks = [max(rows, key=lambda r: r[k])[0] for k in (1, 2)]
    return (*peaks, abs(rows[0][1] - rows[-1][1]), abs(rows[0][2] - rows[-1][2]))


def peak_values(rows):
    ft, lin = [r[1] for r in rows], [r[2] for r in rows]
    return max(ft), max(lin), max(ft) - min(ft), max(lin) - min(lin)


def three_numbers(rows):
    return places(rows)[:3]


def own_exam(train, error, ratios, seeds):
    return {r: statistics.mean(error(train(r, s), r) for s in seeds) for r in ratios}


def one_seed(train, error, ratios, seeds):
    return {r: error(train(r, seeds[0]), 0.75) for r in ratios}


def overwritten(train, error, ratios, seeds):
    errors = {}
    for s in seeds:
        for r in ratios:
            errors[r] = error(train(r, s), 0.75)
    return errors


def luckiest(train, error, ratios, seeds):
    return {r: min(error(train(r, s), 0.75) for s in seeds) for r in ratios}


def summed(train, error, ratios, seeds):
    return {r: sum(error(train(r, s), 0.75) for s in seeds) for r in ratios}


def other_seeds(train, error, ratios, seeds):
    return {r: statistics.mean(error(train(r, s + k), 0.75) for s in seeds) for k, r in enumerate(ratios)}


def trained_once(train, error, ratios, seeds):
    models = [train(ratios[0], s) for s in seeds]
    return {r: statistics.mean(error(m, 0.75) for m in models) for r in ratios}


def a_list(train, error, ratios, seeds):
    return [statistics.mean(error(train(r, s), 0.75) for s in seeds) for r in ratios]


def one_arm(std, gap):
    return max(2, math.ceil((2 * std / gap) ** 2))


def added(std, gap):
    return max(2, math.ceil((2 * (std + std) / gap) ** 2))


def no_square(std, gap):
    return max(2, math.ceil(8 * std / gap))


def one_error(std, gap):
    return max(2, math.ceil(2 * std**2 / gap**2))


def inverted(std, gap):
    return max(2, math.ceil(8 * gap**2 / std**2))


def floored(std, gap):
    return max(2, int(8 * std**2 / gap**2))


def single(std, gap):
    return math.ceil(8 * std**2 / gap**2)


def always_three(std, gap):
    return 3


def slow_hours(rows):
    return {e: h for e, tokens, _, h in rows if tokens}


def reciprocal(rows):
    return {(e, d): h / slow_hours(rows)[e] for e, tokens, d, h in rows if not tokens}


def saved_hours(rows):
    return {(e, d): slow_hours(rows)[e] - h for e, tokens, d, h in rows if not tokens}


def saved_share(rows):
    return {(e, d): 1 - h / slow_hours(rows)[e] for e, tokens, d, h in rows if not tokens}


def one_baseline(rows):
    base = next(h for _, tokens, _, h in rows if tokens)
    return {(e, d): base / h for e, tokens, d, h in rows if not tokens}


def slowest(rows):
    return {(e, d): max(r[3] for r in rows) / h for e, tokens, d, h in rows if not tokens}


def first_row(rows):
    return {(e, d): rows[0][3] / h for e, tokens, d, h in rows if not tokens}


def by_encoder(rows):
    return {e: slow_hours(rows)[e] / h for e, tokens, _, h in rows if not tokens}


def with_baselines(rows):
    return {(e, d, tokens): slow_hours(rows)[e] / h for e, tokens, d, h in rows}


MUTANTS = {
    "read_curves": [
        Mutant(places, "places in the list"),
        Mutant(worst_ratios, "the ratios of the worst"),
        Mutant(exchanged, "the two curves are exchanged"),
        Mutant(relative, "per cent of the best"),
        Mutant(first_to_last, "the first and the last row"),
        Mutant(peak_values, "the accuracies at the peak"),
        Mutant(three_numbers, "there are 3 numbers"),
    ],
    "ablate": [
        Mutant(own_exam, "another exam"),
        Mutant(one_seed, "only one seed counts"),
        Mutant(overwritten, "overwritten by each seed"),
        Mutant(luckiest, "the best of the seeds"),
        Mutant(summed, "the sum over seeds"),
        Mutant(other_seeds, "seeds of its own"),
        Mutant(trained_once, "train anew"),
        Mutant(a_list, "return a dict of an error"),
    ],
    "seeds_needed": [
        Mutant(one_arm, "the noise of one arm"),
        Mutant(added, "the deviations of the two arms are added"),
        Mutant(no_square, "with the square of std / gap"),
        Mutant(one_error, "for one standard error"),
        Mutant(inverted, "upside down"),
        Mutant(floored, "rounds down"),
        Mutant(single, "at least 2"),
        Mutant(always_three, "which 0.5 exceeds first at n"),
    ],
    "speed_ups": [
        Mutant(reciprocal, "upside down"),
        Mutant(saved_hours, "hours saved"),
        Mutant(saved_share, "the share of time saved"),
        Mutant(one_baseline, "each encoder has its own row"),
        Mutant(slowest, "the slowest row of all"),
        Mutant(first_row, "the first row of the list"),
        Mutant(by_encoder, "two rows of an encoder share a key"),
        Mutant(with_baselines, "the keys are"),
    ],
}
