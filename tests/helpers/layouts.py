"""State dicts as other code saves them, written by hand after its key names."""

import torch

from mae_lite.layers import sincos_2d
from mae_lite.mae import MAE
from mae_lite.masking import random_mask


def make(cfg, seed=0):
    """A model whose every tensor, norms and biases too, is told apart from any other's."""
    torch.manual_seed(seed)
    model = MAE(cfg).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape) * 0.05)
    return model


def fair_layout(model, decoder=True):
    """A state dict as FAIR's code saves it, written by hand after its key names."""
    e, d, cfg = model.encoder, model.decoder, model.cfg

    def block(prefix, b):
        return {
            f"{prefix}.norm1.weight": b.norm1.weight, f"{prefix}.norm1.bias": b.norm1.bias,
            f"{prefix}.attn.qkv.weight": b.attn.qkv.weight, f"{prefix}.attn.qkv.bias": b.attn.qkv.bias,
            f"{prefix}.attn.proj.weight": b.attn.proj.weight, f"{prefix}.attn.proj.bias": b.attn.proj.bias,
            f"{prefix}.norm2.weight": b.norm2.weight, f"{prefix}.norm2.bias": b.norm2.bias,
            f"{prefix}.mlp.fc1.weight": b.mlp.fc1.weight, f"{prefix}.mlp.fc1.bias": b.mlp.fc1.bias,
            f"{prefix}.mlp.fc2.weight": b.mlp.fc2.weight, f"{prefix}.mlp.fc2.bias": b.mlp.fc2.bias,
        }  # fmt: skip

    def table(dim):
        return torch.cat([torch.zeros(1, dim), sincos_2d(cfg.grid_size, dim)])[None]

    state = {
        "cls_token": e.cls_token, "pos_embed": table(cfg.embed_dim),
        "patch_embed.proj.weight": e.patch_embed.weight, "patch_embed.proj.bias": e.patch_embed.bias,
        "norm.weight": e.norm.weight, "norm.bias": e.norm.bias,
    }  # fmt: skip
    for i, b in enumerate(e.blocks):
        state |= block(f"blocks.{i}", b)
    if decoder:
        state |= {
            "mask_token": d.mask_token, "decoder_pos_embed": table(cfg.decoder_embed_dim),
            "decoder_embed.weight": d.embed.weight, "decoder_embed.bias": d.embed.bias,
            "decoder_norm.weight": d.norm.weight, "decoder_norm.bias": d.norm.bias,
            "decoder_pred.weight": d.pred.weight, "decoder_pred.bias": d.pred.bias,
        }  # fmt: skip
        for i, b in enumerate(d.blocks):
            state |= block(f"decoder_blocks.{i}", b)
    return {key: value.detach().clone() for key, value in state.items()}


def hf_layout(model, version):
    """A state dict as Hugging Face names it: transformers 4, 5 in memory ("5"), or 5 as it saves ("5 saved")."""
    fair, out = fair_layout(model), {}
    old = version != "5"
    for key, value in fair.items():
        if ".attn.qkv." in key or "blocks." in key:
            head, i, leaf = key.split("blocks.")[0], *key.split("blocks.")[1].split(".", 1)
            decoder_layer = "decoder.decoder_encoder.layer" if version == "5 saved" else "decoder.decoder_layers"
            encoder_layer = "vit.layers" if version == "5" else "vit.encoder.layer"
            prefix = f"{decoder_layer if head else encoder_layer}.{i}."
            name, kind = leaf.rsplit(".", 1)
            if name == "attn.qkv":
                for long, part in zip(("query", "key", "value"), value.chunk(3), strict=True):
                    middle = f"attention.attention.{long}" if old else f"attention.{long[0]}_proj"
                    out[f"{prefix}{middle}.{kind}"] = part.clone()
                continue
            names = {
                "norm1": "layernorm_before", "norm2": "layernorm_after",
                "attn.proj": "attention.output.dense" if old else "attention.o_proj",
                "mlp.fc1": "intermediate.dense" if old else "mlp.fc1", "mlp.fc2": "output.dense" if old else "mlp.fc2",
            }  # fmt: skip
            out[f"{prefix}{names[name]}.{kind}"] = value
        else:
            names = {
                "cls_token": "vit.embeddings.cls_token", "pos_embed": "vit.embeddings.position_embeddings",
                "patch_embed.proj.weight": "vit.embeddings.patch_embeddings.projection.weight",
                "patch_embed.proj.bias": "vit.embeddings.patch_embeddings.projection.bias",
                "norm.weight": "vit.layernorm.weight", "norm.bias": "vit.layernorm.bias",
            }  # fmt: skip
            out[names.get(key, f"decoder.{key}")] = value
    return out


def hf_config(cfg):
    return {
        "model_type": "vit_mae", "hidden_act": "gelu", "image_size": cfg.img_size[0], "patch_size": cfg.patch_size,
        "num_channels": 3, "hidden_size": cfg.embed_dim, "num_hidden_layers": cfg.depth,
        "num_attention_heads": cfg.num_heads, "intermediate_size": 4 * cfg.embed_dim,
        "decoder_hidden_size": cfg.decoder_embed_dim, "decoder_num_hidden_layers": cfg.decoder_depth,
        "decoder_num_attention_heads": cfg.decoder_num_heads, "decoder_intermediate_size": 4 * cfg.decoder_embed_dim,
        "norm_pix_loss": True, "mask_ratio": 0.6, "layer_norm_eps": 1e-12,
    }  # fmt: skip


def same(a, b):
    """Equal weights, and equal predictions on an image: a swapped q and k would show here."""
    for (key, x), (other, y) in zip(a.state_dict().items(), b.state_dict().items(), strict=True):
        assert key == other
        torch.testing.assert_close(x, y, rtol=0, atol=0, msg=lambda m, key=key: f"{key}: {m}")
    imgs = torch.randn(2, 3, *a.cfg.img_size)
    mask = random_mask(a.num_patches, 0.5, batch_size=2, seed=1)
    with torch.no_grad():
        torch.testing.assert_close(a(imgs, mask).pred, b(imgs, mask).pred, rtol=0, atol=1e-6)
