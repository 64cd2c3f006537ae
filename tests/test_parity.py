"""The same numbers as Hugging Face's ViTMAE and as timm, on the same weights, images and masks."""

from functools import partial

import pytest
import torch

from helpers.layouts import hf_layout, make
from mae_lite.config import PRESETS, MAEConfig
from mae_lite.encoder import MAEEncoder
from mae_lite.layers import Block, sincos_2d
from mae_lite.mae import MAE
from mae_lite.weights.checkpoints import load_encoder, load_model

SMALL = MAEConfig(
    img_size=(48, 48), patch_size=8, embed_dim=48, depth=3, num_heads=3, decoder_embed_dim=32, decoder_depth=2,
    decoder_num_heads=4,
)  # fmt: skip


def to_hugging_face(cfg):
    """Hugging Face's model of these sizes, untrained."""
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTMAEConfig(
        image_size=cfg.img_size[0], patch_size=cfg.patch_size, hidden_size=cfg.embed_dim, num_hidden_layers=cfg.depth,
        num_attention_heads=cfg.num_heads, intermediate_size=4 * cfg.embed_dim,
        decoder_hidden_size=cfg.decoder_embed_dim, decoder_num_hidden_layers=cfg.decoder_depth,
        decoder_num_attention_heads=cfg.decoder_num_heads, decoder_intermediate_size=4 * cfg.decoder_embed_dim,
        norm_pix_loss=cfg.norm_pix_loss, layer_norm_eps=cfg.layer_norm_eps, mask_ratio=cfg.mask_ratio,
    )  # fmt: skip
    return transformers.ViTMAEForPreTraining(config).eval()


def hf_version(reference):
    """Which names the installed transformers uses in memory."""
    return "5" if any("q_proj" in key for key in reference.state_dict()) else "4"


@torch.no_grad()
def assert_same_outputs(model, reference, atol):
    """Same mask in, then mask, predictions and loss compared; Hugging Face keeps the patches of smallest noise."""
    cfg = model.cfg
    imgs = torch.randn(2, 3, *cfg.img_size, generator=torch.Generator().manual_seed(3))
    noise = torch.rand(2, cfg.num_patches, generator=torch.Generator().manual_seed(4))
    n_keep = int(cfg.num_patches * (1 - cfg.mask_ratio))
    mask = noise.argsort(dim=1).argsort(dim=1) >= n_keep
    theirs, ours = reference(imgs, noise=noise), model(imgs, mask)
    assert torch.equal(theirs.mask.bool(), mask), "the masks differ, so nothing else can be compared"
    torch.testing.assert_close(ours.pred, theirs.logits, rtol=0, atol=atol)
    torch.testing.assert_close(ours.loss, theirs.loss, rtol=1e-5, atol=1e-5)
    assert ours.pred.std() > 0.1, "predictions near 0 would agree for the wrong reason"


@pytest.mark.parametrize("eps", [1e-6, 1e-3])
@pytest.mark.parametrize("norm_pix_loss", [False, True])
def test_our_weights_in_hugging_faces_model(norm_pix_loss, eps):
    model = make(MAEConfig(**vars(SMALL) | {"norm_pix_loss": norm_pix_loss, "layer_norm_eps": eps}))
    reference = to_hugging_face(model.cfg)
    reference.load_state_dict(hf_layout(model, hf_version(reference)), strict=True)
    assert_same_outputs(model, reference, 1e-4)


@pytest.mark.parametrize("norm_pix_loss", [False, True])
def test_a_folder_that_hugging_face_saved_loads(tmp_path, norm_pix_loss):
    cfg = MAEConfig(**vars(SMALL) | {"norm_pix_loss": norm_pix_loss, "layer_norm_eps": 1e-12, "mask_ratio": 0.5})
    torch.manual_seed(0)
    reference = to_hugging_face(cfg)
    with torch.no_grad():
        for p in reference.parameters():
            if p.requires_grad:
                p.add_(torch.randn(p.shape) * 0.05)
        # Some versions of transformers 5 start with all-zero tables; published weights carry the right ones.
        for table in (reference.vit.embeddings.position_embeddings, reference.decoder.decoder_pos_embed):
            table[0, 1:] = sincos_2d(cfg.grid_size, table.shape[-1])
    reference.save_pretrained(tmp_path)
    model = load_model(tmp_path)
    assert model.cfg == cfg
    assert_same_outputs(model, reference, 1e-4)


def test_vit_base_in_full_size():
    torch.manual_seed(0)
    model = MAE(PRESETS["base"]).eval()
    reference = to_hugging_face(model.cfg)
    reference.load_state_dict(hf_layout(model, hf_version(reference)), strict=True)
    assert_same_outputs(model, reference, 1e-4)


def test_block_equals_timms():
    timm_block = pytest.importorskip("timm.models.vision_transformer").Block
    torch.manual_seed(0)
    theirs = timm_block(48, 3, qkv_bias=True, norm_layer=partial(torch.nn.LayerNorm, eps=1e-6)).eval()
    ours = Block(48, 3, eps=1e-6)
    with torch.no_grad():
        for p in theirs.parameters():
            p.normal_(std=0.3)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(2, 7, 48)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "vit_base_patch16_224"])
def test_encoder_on_a_whole_image_equals_timms(tmp_path, name):
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    theirs = timm.create_model(name, pretrained=False, num_classes=0).eval()
    cfg = PRESETS["tiny" if "tiny" in name else "base"]
    with torch.no_grad():
        table = torch.cat([torch.zeros(1, cfg.embed_dim), sincos_2d(cfg.grid_size, cfg.embed_dim)])
        theirs.pos_embed.copy_(table)
        for block in theirs.blocks:
            block.norm1.weight.normal_(1, 0.2)
            block.attn.qkv.bias.normal_(std=0.2)
    torch.save(theirs.state_dict(), tmp_path / "encoder.pth")
    ours = load_encoder(tmp_path / "encoder.pth")
    assert isinstance(ours, MAEEncoder)
    imgs = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(ours(imgs), theirs.forward_features(imgs), rtol=0, atol=1e-4)
