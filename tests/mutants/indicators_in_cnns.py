import torch
import torch.nn.functional as F
from torch import nn

from mutants import Mutant


def counted(known):
    ones = torch.ones(1, 1, 3, 3)
    return F.conv2d(known, ones, padding=1), F.conv2d(torch.ones_like(known), ones, padding=1)


def summed(conv, x):
    return F.conv2d(x, conv.weight, None, padding=1)


def shaped(conv):
    return conv.bias.view(1, -1, 1, 1)


def never_scaled(conv, x, known):
    now = (counted(known)[0] > 0).float()
    return conv(x * known) * now, now


def bias_scaled(conv, x, known):
    count, inside = counted(known)
    now = (count > 0).float()
    return conv(x * known) * inside / count.clamp(min=1e-8) * now, now


def always_nine(conv, x, known):
    count, _ = counted(known)
    now = (count > 0).float()
    return (summed(conv, x * known) * (9 / (count + 1e-8)) * now + shaped(conv)) * now, now


def bias_in_holes(conv, x, known):
    count, inside = counted(known)
    return summed(conv, x * known) * inside / count.clamp(min=1) + shaped(conv), (count > 0).float()


def hidden_summed(conv, x, known):
    count, inside = counted(known)
    now = (count > 0).float()
    return (summed(conv, x) * inside / count.clamp(min=1) + shaped(conv)) * now, now


def a_mean(conv, x, known):
    count, _ = counted(known)
    now = (count > 0).float()
    return (summed(conv, x * known) / count.clamp(min=1) + shaped(conv)) * now, now


def no_bias(conv, x, known):
    count, inside = counted(known)
    now = (count > 0).float()
    return summed(conv, x * known) * inside / count.clamp(min=1) * now, now


def never_grows(conv, x, known):
    return never_scaled(conv, x, known)[0], known


def counts_given(conv, x, known):
    return never_scaled(conv, x, known)[0], counted(known)[0]


def all_known(conv, x, known):
    return conv(x * known), torch.ones_like(known)


def full_windows(conv, x, known):
    count, inside = counted(known)
    return conv(x * known), (count >= inside).float()


def features_alone(conv, x, known):
    return conv(x * known)


def halves_swapped(conv, x):
    gate, value = conv(x).chunk(2, dim=1)
    return F.gelu(value) * torch.sigmoid(gate)


def open_gate(conv, x):
    value, gate = conv(x).chunk(2, dim=1)
    return F.gelu(value) * gate


def no_gelu(conv, x):
    value, gate = conv(x).chunk(2, dim=1)
    return value * torch.sigmoid(gate)


def competing(conv, x):
    value, gate = conv(x).chunk(2, dim=1)
    return F.gelu(value) * torch.softmax(gate, 1)


def gate_added(conv, x):
    value, gate = conv(x).chunk(2, dim=1)
    return F.gelu(value) + torch.sigmoid(gate)


def interleaved(conv, x):
    both = conv(x)
    return F.gelu(both[:, 0::2]) * torch.sigmoid(both[:, 1::2])


def images_halved(conv, x):
    value, gate = conv(x).chunk(2, dim=0)
    return F.gelu(value) * torch.sigmoid(gate)


def places(x, first=-1.0):
    b, _, h, w = x.shape
    row, column = torch.meshgrid(torch.linspace(first, 1, h), torch.linspace(first, 1, w), indexing="ij")
    return row.repeat(b, 1, 1, 1), column.repeat(b, 1, 1, 1)


def column_first(x):
    row, column = places(x)
    return torch.cat([x, column, row], 1)


def indices(x):
    b, _, h, w = x.shape
    row, column = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    return torch.cat([x, row.float().repeat(b, 1, 1, 1), column.float().repeat(b, 1, 1, 1)], 1)


def from_zero(x):
    return torch.cat([x, *places(x, 0.0)], 1)


def in_front(x):
    return torch.cat([*places(x), x], 1)


def added(x):
    row, column = places(x)
    return x + row + column


def one_step_short(x):
    b, _, h, w = x.shape
    row, column = torch.meshgrid(torch.arange(h) / h * 2 - 1, torch.arange(w) / w * 2 - 1, indexing="ij")
    return torch.cat([x, row.repeat(b, 1, 1, 1), column.repeat(b, 1, 1, 1)], 1)


def radius(x):
    row, column = places(x)
    return torch.cat([x, row, column, (row**2 + column**2).sqrt()], 1)


class NotTold(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x, hidden):
        return x + self.conv(F.gelu(x))


class Told(nn.Module):
    """A plain convolution with the indicator as one more channel; parts of it are changed below."""

    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width + 1, width, 3, padding=1)

    def forward(self, x, hidden):
        return x + self.conv(torch.cat([F.gelu(x), hidden], 1))


class Global(Told):
    def forward(self, x, hidden):
        return super().forward(x, hidden) + x.mean(dim=(2, 3), keepdim=True)


class Smaller(Told):
    def forward(self, x, hidden):
        return super().forward(x, hidden)[:, :, ::2, ::2]


class Two(Told):
    def forward(self, x, hidden):
        return super().forward(x, hidden), hidden


class ByZero(Told):
    def forward(self, x, hidden):
        return super().forward(x, hidden) / (1 - hidden)


class Idle(Told):
    def __init__(self, width):
        super().__init__(width)
        self.never = nn.Parameter(torch.zeros(width))


class Stops(Told):
    def forward(self, x, hidden):
        return self.conv(x)


class Huge(Told):
    def __init__(self, width):
        super().__init__(width)
        self.conv = nn.Sequential(
            nn.Conv2d(width + 1, 2000, 1), nn.Conv2d(2000, 20, 1), nn.Conv2d(20, width, 3, padding=1)
        )


class Twelve(Told):
    def __init__(self, width):
        super().__init__(12)


MUTANTS = {
    "partial_conv": [
        Mutant(never_scaled, "not scaled up"),
        Mutant(bias_scaled, "the bias is scaled as well"),
        Mutant(always_nine, "fewer than 9 cells", "NVIDIA/partialconv, where padding counts as holes"),
        Mutant(bias_in_holes, "hold the bias"),
        Mutant(hidden_summed, "hidden cells were summed too"),
        Mutant(a_mean, "divided by the known cells alone"),
        Mutant(no_bias, "the bias is missing"),
        Mutant(never_grows, "has not grown"),
        Mutant(counts_given, "these are the counts"),
        Mutant(all_known, "every cell is taken for known"),
        Mutant(full_windows, "only if its whole window was"),
        Mutant(features_alone, "return two things"),
    ],
    "gated_conv": [
        Mutant(halves_swapped, "the halves are swapped"),
        Mutant(open_gate, "no sigmoid, so it can flip"),
        Mutant(no_gelu, "the values have no GELU"),
        Mutant(competing, "is a softmax"),
        Mutant(gate_added, "the gate was added"),
        Mutant(interleaved, "even and odd channels"),
        Mutant(images_halved, "has the shape"),
    ],
    "add_position": [
        Mutant(column_first, "the column comes before the row"),
        Mutant(indices, "these count cells"),
        Mutant(from_zero, "from 0 to 1; let them"),
        Mutant(in_front, "stand in front"),
        Mutant(added, "were added to x"),
        Mutant(one_step_short, "does not reach 1"),
        Mutant(radius, "has the shape", "the radius channel of some CoordConv layers"),
    ],
    "design": [
        Mutant(NotTold, "without an indicator"),
        Mutant(Global, "global attention"),
        Mutant(Smaller, "needs the same shape"),
        Mutant(Two, "gives a tuple"),
        Mutant(ByZero, "not finite"),
        Mutant(Idle, "are not used"),
        Mutant(Stops, "but got 4 channels"),
        Mutant(Twelve, "but got 5 channels"),
        Mutant(Huge, "make it smaller"),
        Mutant(Told(8), "give its class"),
    ],
}
