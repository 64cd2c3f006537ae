"""What every check is made of: call the reader's function, compare, and answer in a kind sentence, no traceback."""

import functools
import html
import inspect
import linecache
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn

from mae_lite.show.html import Page

PASSED, OPEN, WRONG = "Passed", "Not attempted yet", "Not yet right"
STYLE = {PASSED: ("✓", "#009E73"), OPEN: ("○", "#767676"), WRONG: ("✗", "#D55E00")}
"""A sign and a colour for each status; the words and the sign say it without the colour."""


@dataclass(frozen=True)
class Verdict(Page):
    """The answer of a check. As the last line of a cell it shows itself."""

    status: str
    """PASSED, OPEN (not attempted) or WRONG."""
    sentence: str
    """What is right, what is missing, or a hint at what is wrong."""

    @property
    def passed(self) -> bool:
        """Whether the exercise is solved."""
        return self.status == PASSED

    def __repr__(self) -> str:
        return f"{STYLE[self.status][0]} {self.status}: {self.sentence}"

    @property
    def alt(self) -> str:
        """The answer in words."""
        return repr(self)

    def to_html(self) -> str:
        """The answer in a box."""
        sign, colour = STYLE[self.status]
        box = f"border-left: 5px solid {colour}; padding: 4px 12px; line-height: 1.5"
        words = f"<b>{sign} {self.status}:</b> {html.escape(self.sentence)}"
        return f'<div role="status" style="{box}">{words}</div>'


class _Stop(Exception):
    """Ends a check early with its verdict."""

    def __init__(self, status: str, sentence: str):
        self.verdict = Verdict(status, sentence)


def exercise(check: Callable[[Any], str]) -> Callable[[Any], Verdict]:
    """Make a check out of a function that takes the reader's answer and returns what it means to have passed."""

    @functools.wraps(check)
    def ask(mine):
        try:
            return Verdict(PASSED, check(mine))
        except _Stop as stop:
            return stop.verdict

    return ask


def expect(condition: bool, hint: str) -> None:
    """Go on if the condition holds; else the verdict is the hint."""
    if not condition:
        raise _Stop(WRONG, hint)


def given(answer: Any, name: str = "your answer") -> Any:
    """The answer, unless it is still None or `...`; then the verdict is that nothing was attempted."""
    if answer is None or answer is Ellipsis:
        raise _Stop(OPEN, f"fill in {name} in place of the three dots, then run this cell again.")
    return answer


def call(mine: Any, *inputs: Any, hint: str = "") -> Any:
    """What the reader's function makes of copies of the inputs.

    Args:
        mine: the reader's function.
        inputs: its arguments, in order.
        hint: what to ask a reader whose function stops with an error here.
    """
    given(mine, "the function")
    expect(callable(mine), "give the check the function itself, not its result: its name without parentheses after it.")
    name = getattr(mine, "__name__", "your function")
    try:
        got = mine(*(x.clone() if isinstance(x, Tensor) else x for x in inputs))
    except NotImplementedError:
        got = None
    except Exception as error:  # the reader's code can raise anything, and a traceback through here teaches nothing
        raise _Stop(WRONG, _stopped(mine, name, error, inputs, hint)) from error
    if got is None or got is Ellipsis:
        raise _Stop(OPEN, f"{name} returns nothing so far; write its body, end it with return, run this cell again.")
    return got


def _stopped(mine: Callable, name: str, error: Exception, inputs: tuple, hint: str) -> str:
    """Where and with what the reader's function stopped, and what it had been given."""
    line, trace = "", error.__traceback__
    home = getattr(inspect.unwrap(mine), "__code__", None)
    while trace:
        if home and trace.tb_frame.f_code.co_filename == home.co_filename:
            line = linecache.getline(home.co_filename, trace.tb_lineno).strip()
        trace = trace.tb_next
    text = " ".join(str(error).split())[:200].rstrip(".")
    where = f" at the line {line}" if line else ""
    what = f"{type(error).__name__} ({text})" if text else type(error).__name__
    asked = f" {hint}" if hint else ""
    return f"{name} stopped{where} with {what}; it was given {_described(mine, inputs)}.{asked}"


def _described(mine: Callable, inputs: tuple) -> str:
    try:
        names = list(inspect.signature(mine).parameters)
    except (TypeError, ValueError):  # some built-in functions have no signature
        names = []
    names += [f"argument {k + 1}" for k in range(len(names), len(inputs))]
    shown = [_in_words(x) for x in inputs]
    return ", ".join(f"{name} {text}" for name, text in zip(names, shown, strict=False)) or "nothing"


def _in_words(x: Any) -> str:
    if isinstance(x, Tensor):
        return f"of shape {tuple(x.shape)}"
    text = type(x).__name__ if isinstance(x, nn.Module) else repr(x)
    return f"= {text}" if len(text) < 60 else f"= {text[:60]}..."


def compare(got: Any, want: Tensor, *, slips: Mapping[str, Tensor] | None = None, otherwise: str) -> None:
    """Go on if `got` is what the package makes of the same input; else the verdict is a hint.

    Args:
        got: the reader's result.
        want: the package's.
        slips: for usual mistakes the hint, and what the result looks like when it was made.
        otherwise: the hint for anything else.
    """
    if _same(tensor(got), want):
        return
    for hint, wrong in (slips or {}).items():
        expect(not _same(got, wrong), hint)
    shapes = f"the result has the shape {tuple(got.shape)}, it should be {tuple(want.shape)}"
    expect(got.shape == want.shape, f"{shapes}; {otherwise}")
    expect(
        got.dtype == want.dtype or (got.is_floating_point() and want.is_floating_point()),
        f"the result holds {got.dtype}, it should be {want.dtype}.",
    )
    expect(not got.isnan().any(), f"the result has the right shape, but some of it is not a number (nan); {otherwise}")
    off = 1 - got.isclose(want.to(got.dtype), rtol=1e-3, atol=1e-4).float().mean().item()
    raise _Stop(WRONG, f"the shape is right, but {max(off, 0.01):.0%} of the values are not; {otherwise}")


def _same(a: Tensor, b: Tensor) -> bool:
    """Equal up to rounding, whatever the precision; but True is not 1, and 1 is not 1.0."""
    if (
        a.shape != b.shape
        or a.is_floating_point() != b.is_floating_point()
        or (a.dtype == torch.bool) != (b.dtype == torch.bool)
    ):
        return False
    return torch.allclose(a.double(), b.double(), rtol=1e-3, atol=1e-4)


def tensor(got: Any, name: str = "result") -> Tensor:
    """What the reader returned, once it is a tensor."""
    expect(isinstance(got, Tensor), f"the {name} is a {type(got).__name__}; it should be a torch tensor.")
    return got


def parts(got: Any, count: int, hint: str) -> Sequence:
    """What the reader returned, once it is a tuple or list of so many parts; else the verdict is the hint."""
    expect(isinstance(got, tuple | list) and len(got) == count, hint)
    return got


def number(value: Any, name: str = "answer") -> float:
    """A plain number out of what the reader returned; also a tensor of one value."""
    value = value.item() if isinstance(value, Tensor) and value.numel() == 1 else value
    right = isinstance(value, Real) and not isinstance(value, bool)
    expect(right, f"the {name} is a {type(value).__name__}; give a number.")
    return float(value)


def numbers(got: Any, count: int) -> list[float]:
    """So many plain numbers out of what the reader returned."""
    got = got.flatten().tolist() if isinstance(got, Tensor) else got
    expect(isinstance(got, tuple | list), f"return {count} numbers, not a {type(got).__name__}.")
    expect(len(got) == count, f"there are {len(got)} numbers; {count} are asked for.")
    return [number(value, f"number {k + 1}") for k, value in enumerate(got)]


def compare_numbers(
    got: Any,
    want: Any,
    *,
    slips: Mapping[str, Any] | None = None,
    otherwise: str,
    rtol: float = 1e-6,
    slip_rtol: float = 1e-3,
) -> None:
    """Go on if a number, or each of several, is right; else the verdict is a hint, as of `compare`.

    Args:
        got: what the reader's answer says.
        want: what is right.
        slips: for usual mistakes the hint, and the numbers that they give.
        otherwise: the hint for anything else.
        rtol: by which share of it a number may be off.
        slip_rtol: by which share it may be off a slip's to be taken for it.
    """
    got, want = (torch.as_tensor(x, dtype=torch.float64) for x in (got, want))

    def near(other: Any, share: float) -> bool:
        return torch.allclose(got, torch.as_tensor(other, dtype=torch.float64), rtol=share, atol=0)

    if near(want, 1e-6):
        return
    for hint, wrong in (slips or {}).items():
        expect(not near(wrong, slip_rtol), hint)
    expect(near(want, rtol), otherwise)


def random_tensor(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers that leave the reader's random state alone."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
