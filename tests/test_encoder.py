import torch

from mae_lite.patches import patchify


def test_all_patches_in_any_order_are_the_same(small_model):
    encoder, imgs = small_model().encoder, torch.randn(2, 3, 16, 24)
    everything = encoder(imgs)
    assert everything.shape == (2, 1 + 24, 24)
    order = torch.stack([torch.randperm(24, generator=torch.Generator().manual_seed(i)) for i in range(2)])
    shuffled = encoder(imgs, order)
    back = shuffled[:, 1:].gather(1, order.argsort(dim=1)[..., None].expand(-1, -1, 24))
    torch.testing.assert_close(back, everything[:, 1:])
    torch.testing.assert_close(shuffled[:, 0], everything[:, 0])


def test_tokens_are_patches_plus_positions(small_model):
    encoder, imgs = small_model(depth=0).encoder, torch.randn(2, 3, 16, 24)
    ids_keep = torch.tensor([[5, 2, 23], [0, 7, 11]])
    weight = encoder.patch_embed.weight.permute(0, 2, 3, 1).flatten(1)  # (c, p, q) to (p, q, c)
    embedded = patchify(imgs, 4) @ weight.T + encoder.patch_embed.bias
    for i, ids in enumerate(ids_keep):
        tokens = torch.cat([encoder.cls_token[0], embedded[i, ids] + encoder.pos_embed[ids]])
        torch.testing.assert_close(encoder(imgs, ids_keep)[i], encoder.norm(tokens))


def test_hidden_patches_are_not_seen(small_model):
    encoder, imgs = small_model().encoder, torch.randn(1, 3, 16, 24)
    changed = imgs.clone()
    changed[:, :, :4, :4] += 1  # patch 0
    ids_keep = torch.arange(1, 24)[None]
    assert torch.equal(encoder(imgs, ids_keep), encoder(changed, ids_keep))
    assert not torch.equal(encoder(imgs), encoder(changed))


def test_positions_are_buffers_outside_the_state_dict(small_model):
    encoder = small_model().encoder
    assert "pos_embed" in dict(encoder.named_buffers())
    assert not any("pos_embed" in name for name, _ in encoder.named_parameters())
    assert "pos_embed" not in encoder.state_dict()
