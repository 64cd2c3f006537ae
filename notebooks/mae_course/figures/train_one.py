"""Figures of a training: the schedule of the learning rate."""

from mae_lite.show.style import LINES, STYLE, AltFigure, plain_axes
from mae_lite.train.pretrain import PretrainConfig, learning_rate


def show_schedule(cfg: PretrainConfig, steps_per_epoch: int) -> AltFigure:
    """The learning rate at every step: warm-up, peak, cosine.

    Args:
        cfg: how to train.
        steps_per_epoch: steps in a pass over the data.
    """
    total, warmup = cfg.epochs * steps_per_epoch, cfg.warmup * steps_per_epoch
    rates = [learning_rate(step, cfg, steps_per_epoch) for step in range(total)]
    fig = AltFigure(figsize=(7, 2.8), layout="constrained")
    ax, (colour, _, dash) = fig.subplots(), LINES[0]
    ax.plot(range(1, total + 1), rates, color=colour, linestyle=dash, linewidth=2, label="learning rate")
    ax.axvline(warmup, color="0.5", linewidth=1)
    ax.axhline(cfg.lr, color="0.5", linewidth=1, linestyle=":")
    box = {"facecolor": "white", "linewidth": 0, "pad": 1}
    at = {"xytext": (6, 0), "textcoords": "offset points"}
    ax.annotate("linear warm-up ends", (warmup, cfg.lr / 3), bbox=box, **at, **STYLE)
    ax.text(total, cfg.lr, f"peak = {cfg.lr:.2g}", ha="right", va="center", bbox=box, **STYLE)
    ax.text(0.62 * total, cfg.lr * 0.55, "half a cosine, down to 0", bbox=box, **STYLE)
    plain_axes(ax, xlabel="training step", ylabel="learning rate")
    ax.get_legend().remove()
    ax.ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useMathText=True)
    ax.xaxis.set_major_formatter("{x:,.0f}")
    fig.alt = (
        f"Learning rate against step: a straight rise to its peak over {warmup:,.0f} steps, then half a cosine down to "
        f"0 at step {total:,}."
    )
    return fig
