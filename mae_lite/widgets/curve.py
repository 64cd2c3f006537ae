"""A curve that is drawn anew every second: an SVG in a few lines of text, and the same in words."""


def curve_alt(points: list[tuple[int, float]]) -> str:
    """A curve in a sentence that has no measured fraction, so that two trainings can have the same."""
    if not points:
        return "Training loss against step: nothing yet."
    (_, first), (step, last) = points[0], points[-1]
    return f"Training loss against step; after {step:,} steps it is {last / first:.0%} of what it was at first."


def curve_svg(points: list[tuple[int, float]], total: int) -> str:
    """Loss against step as an SVG image, with room for all steps to come.

    Args:
        points: step and loss, in order.
        total: steps of the whole training.
    """
    left, right, bottom, top = 40, 390, 250, 14
    high = max([0.5, *(-(-loss // 0.5) * 0.5 for _, loss in points)])
    at = [(left + (right - left) * s / total, bottom - (bottom - top) * v / high) for s, v in points]
    lines = round(high / 0.5) if high <= 3 else 4
    look = 'viewBox="0 0 420 290" fill="currentColor" font-size="13"'
    parts = [f'<svg role="img" aria-label="{curve_alt(points)}" {look}>']
    for k in range(lines + 1):
        y = bottom - (bottom - top) * k / lines
        parts.append(f'<path d="M{left} {y:.1f}H{right}" stroke="currentColor" stroke-opacity=".2"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{high * k / lines:.3g}</text>')
    for k in range(3):
        x = left + (right - left) * k / 2
        parts.append(f'<text x="{x}" y="{bottom + 17}" text-anchor="middle">{total * k / 2:,.0f}</text>')
    parts.append(f'<text x="{(left + right) / 2}" y="{bottom + 35}" text-anchor="middle">training step</text>')
    if at:
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
        parts.append(f'<polyline points="{line}" fill="none" stroke="#0072B2" stroke-width="2.5"/>')
        parts.append(f'<circle cx="{at[-1][0]:.1f}" cy="{at[-1][1]:.1f}" r="4.5" fill="#0072B2"/>')
    return "".join([*parts, "</svg>"])
