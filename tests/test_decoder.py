import torch

from mae_lite.masking import ids_from_mask, random_mask


def test_every_token_finds_its_place(small_model):
    decoder = small_model(decoder_depth=0).decoder
    torch.nn.init.normal_(decoder.norm.weight)
    latent, mask = torch.randn(2, 1 + 6, 24), random_mask(24, 0.75, batch_size=2)
    ids_keep, ids_restore = ids_from_mask(mask)
    pred = decoder(latent, ids_restore)
    embedded = decoder.embed(latent)[:, 1:]
    for i in range(2):
        visible = iter(embedded[i])
        for patch in range(24):  # a visible patch takes the next latent, a hidden one the mask token
            token = decoder.mask_token[0, 0] if mask[i, patch] else next(visible)
            expected = decoder.pred(decoder.norm(token + decoder.pos_embed[patch]))
            torch.testing.assert_close(pred[i, patch], expected)


def test_the_order_of_visible_tokens_is_undone(small_model):
    decoder, latent = small_model().decoder, torch.randn(1, 1 + 6, 24)
    ids_keep, ids_restore = ids_from_mask(random_mask(24, 0.75))
    order = torch.tensor([4, 0, 5, 2, 1, 3])
    shuffled = torch.cat([latent[:, :1], latent[:, 1:][:, order]], dim=1)
    place = torch.cat([order.argsort(), torch.arange(6, 24)])  # where each token went
    torch.testing.assert_close(decoder(shuffled, place[ids_restore]), decoder(latent, ids_restore))


def test_the_class_token_is_seen_but_not_predicted(small_model):
    decoder, latent = small_model().decoder, torch.randn(1, 1 + 6, 24)
    _, ids_restore = ids_from_mask(random_mask(24, 0.75))
    changed = latent.clone()
    changed[:, 0] += 1
    assert decoder(latent, ids_restore).shape == (1, 24, 48)
    assert not torch.equal(decoder(latent, ids_restore), decoder(changed, ids_restore))
