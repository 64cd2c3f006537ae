import pytest
import torch

from mae_lite.loss import mae_loss
from mae_lite.patches import normalize_patches

PATCHES = torch.tensor([[[0.0, 2.0], [1.0, 5.0]]])
PRED = torch.tensor([[[1.0, 5.0], [1.0, 1.0]]])


@pytest.mark.parametrize(
    ("mask", "loss"),
    [
        ([True, False], (1 + 9) / 2),  # patch 0: differences 1 and 3
        ([False, True], (0 + 16) / 2),  # patch 1: differences 0 and 4
        ([True, True], (5 + 8) / 2),
        ([False, False], 0),
    ],
)
def test_two_patches_by_hand(mask, loss):
    assert mae_loss(PRED, PATCHES, torch.tensor([mask])).item() == loss


def test_visible_patches_carry_no_loss():
    torch.manual_seed(0)
    pred, patches = torch.randn(2, 6, 5, requires_grad=True), torch.randn(2, 6, 5)
    mask = torch.rand(2, 6) < 0.5
    loss = mae_loss(pred, patches, mask)
    changed = torch.where(mask[..., None], pred, pred + 100)
    assert torch.equal(mae_loss(changed, patches, mask), loss)
    loss.backward()
    assert (pred.grad[~mask] == 0).all()
    assert (pred.grad[mask] != 0).all()


def test_every_masked_patch_counts_the_same_whatever_its_image():
    torch.manual_seed(0)
    pred, patches = torch.randn(2, 4, 3), torch.randn(2, 4, 3)
    mask = torch.tensor([[True, True, True, False], [True, False, False, False]])
    values = (pred - patches)[mask].square()
    torch.testing.assert_close(mae_loss(pred, patches, mask), values.mean())


def test_norm_pix_by_hand():
    # patch 1 is (1, 5): mean 3, unbiased variance 8, so the target is (-2, 2) / sqrt 8
    target = torch.tensor([-2.0, 2.0]) / 8**0.5
    expected = (torch.tensor([1.0, 1.0]) - target).square().mean().item()
    loss = mae_loss(PRED, PATCHES, torch.tensor([[False, True]]), norm_pix_loss=True)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_norm_pix_target_sees_no_contrast():
    torch.manual_seed(0)
    pred, patches, mask = torch.randn(1, 4, 12), torch.randn(1, 4, 12), torch.tensor([[True, True, False, True]])
    one, other = (mae_loss(pred, a * patches + b, mask, norm_pix_loss=True) for a, b in ((1, 0), (3, 2)))
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    perfect = normalize_patches(patches)[0]
    assert mae_loss(perfect, patches, mask, norm_pix_loss=True).item() == 0


def test_computed_in_float32():
    pred = torch.full((1, 1, 4), 300.0, dtype=torch.float16)
    loss = mae_loss(pred, torch.zeros(1, 1, 4, dtype=torch.float16), torch.tensor([[True]]))
    assert loss.dtype == torch.float32
    assert loss.item() == 90000  # more than float16 can hold
