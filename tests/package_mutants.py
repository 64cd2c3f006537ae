"""Changes of a line of the package, each of which some test must notice; `make mutants` tries them all.

    python tests/package_mutants.py             all of them, and the record in package_mutants.csv
    python tests/package_mutants.py masking cli  those of files with one of these words in their path

Each is made in a copy of the tree, where the tests that are named beside it run, as many at once as there are cores.
Prints those that no test notices; exits with 1 if there is one.
"""

import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
RECORD = Path(__file__).with_suffix(".csv")
LINKED = ("assets", "notebooks")
"""Folders of the tree that no change is made in."""
SECONDS = 300
"""For the tests of one change."""


class Mutant(NamedTuple):
    """A change that is a fault."""

    file: str
    """In mae_lite/."""
    old: str
    """Occurs once in the file."""
    new: str
    tests: tuple[str, ...]
    """Those that must notice it, as pytest takes them."""
    why: str
    """What is wrong then."""


# fmt: off
TABLE: dict[str, list[tuple[str, str, str, str]]] = {
    "config.py": [
        ("if dim % 4 or dim % heads:", "if dim % heads:",
         "test_sizes_that_do_not_fit_say_their_numbers",
         "a width that positions cannot be cut into four parts of is taken"),
        ("self.img_size[0] // self.patch_size, self.img_size[1]",
         "self.img_size[1] // self.patch_size, self.img_size[0]",
         "test_derived_sizes_of_a_rectangle", "rows and columns of the grid are exchanged"),
    ],
    "patches.py": [
        ("x.permute(0, 2, 4, 3, 5, 1)", "x.permute(0, 2, 4, 5, 3, 1)",
         "test_patchify_equals_a_double_loop", "each patch is cut out mirrored at its diagonal"),
        ("x.permute(0, 5, 1, 3, 2, 4)", "x.permute(0, 5, 1, 4, 2, 3)",
         "test_unpatchify_undoes_patchify", "each patch is put back mirrored at its diagonal"),
        ("patches.var(dim=-1, keepdim=True)", "patches.var(dim=-1, keepdim=True, correction=0)",
         "test_norm_pix_by_hand", "the biased variance normalises patches"),
    ],
    "masking.py": [
        ("min(round(num_patches * mask_ratio), num_patches - 1)",
         "min(int(num_patches * mask_ratio), num_patches - 1)",
         "test_the_count_is_exact", "the number of hidden patches is rounded down"),
        ("torch.rand(batch_size, num_patches, generator=generator, device=generator.device)",
         "torch.rand(1, num_patches, generator=generator, device=generator.device).expand(batch_size, -1)",
         "test_random_is_uniform_over_patches", "a batch shares one mask"),
        ("aspect = 0.3 ** (1 - 2 * u[1])", "aspect = 1.0",
         "test_blocks_are_wide_and_tall", "blocks are always square"),
        ("(torch.arange(rows) + seed // 2 % 2)", "torch.arange(rows)",
         "test_grid_seed_shifts_the_lattice", "the seed shifts the lattice across only"),
        ("ids_restore = ids_shuffle.argsort(dim=1)", "ids_restore = ids_shuffle",
         "test_ids_split_and_restore", "the shuffle is taken for its inverse"),
        (".repeat_interleave(patch_size, dim=3)", ".repeat(1, 1, 1, patch_size)",
         "test_pixel_mask_blows_each_patch_up", "a mask of pixels repeats the row in place of each patch"),
        ("tuple(grid.shape) != tuple(grid_size)", "grid.numel() != grid_size[0] * grid_size[1]",
         "test_a_drawn_grid_is_checked_against_the_models",
         "a drawn mask of other sides but as many patches is taken"),
    ],
    "layers.py": [
        ("for axis in (x, y)]", "for axis in (y, x)]",
         "test_positions_equal_a_scalar_loop", "positions encode the row first"),
        ("dtype=torch.float64) / (dim // 4))", "dtype=torch.float64) / (dim // 4 - 1))",
         "test_positions_equal_a_scalar_loop", "the lowest frequency of positions is one ten-thousandth"),
        ("q * q.shape[-1] ** -0.5 @", "q @",
         "test_attention_in_training_is_that_of_full_precision_to_rounding",
         "scores are not scaled where a CPU trains in bfloat16"),
        ("F.gelu(self.fc1(x))", 'F.gelu(self.fc1(x), approximate="tanh")',
         "test_mlp_works_on_each_token_alone", "the GELU is approximated"),
        ("self.attn(self.norm1(x))", "self.attn(x)",
         "test_block_is_pre_norm_with_two_residuals", "attention gets tokens that are not normalised"),
    ],
    "encoder.py": [
        (".transpose(1, 2) + self.pos_embed", ".transpose(1, 2)",
         "test_tokens_are_patches_plus_positions", "the encoder knows no positions"),
        ("persistent=False", "persistent=True",
         "test_positions_are_buffers_outside_the_state_dict", "positions are saved with the weights"),
    ],
    "decoder.py": [
        ("torch.cat([cls, x + self.pos_embed], dim=1)", "torch.cat([cls, x], dim=1)",
         "test_mae.py::test_masked_positions_are_told_apart_from_the_start", "masked patches cannot be told apart"),
        ("self.norm(x)[:, 1:]", "self.norm(x)[:, :-1]",
         "test_every_token_finds_its_place", "the class token is predicted in place of the last patch"),
        ("torch.cat([visible, mask_tokens], dim=1)", "torch.cat([mask_tokens, visible], dim=1)",
         "test_every_token_finds_its_place", "mask tokens take the places of visible patches"),
    ],
    "loss.py": [
        ("(per_patch * mask).sum() / mask.sum().clamp(min=1)", "per_patch.mean()",
         "test_two_patches_by_hand", "visible patches carry loss too"),
        ("mask.sum().clamp(min=1)", "mask.sum()",
         "test_mae.py::test_nothing_masked", "the loss of nothing hidden is no number"),
        (".square().mean(dim=-1)", ".abs().mean(dim=-1)",
         "test_two_patches_by_hand", "errors are not squared"),
    ],
    "mae.py": [
        ("nn.Linear | nn.Conv2d", "nn.Linear",
         "test_weights_at_the_start_are_the_papers", "the patch embedding does not begin as a linear layer"),
        ("module.weight.view(len(module.weight), -1)", "module.weight",
         "test_weights_at_the_start_are_the_papers", "the patch embedding begins with a convolution's bounds"),
        ("std=0.02", "std=0.2",
         "test_weights_at_the_start_are_the_papers", "tokens begin ten times as large"),
        ("self.cfg.patch_size), mask, self.cfg.norm_pix_loss)", "self.cfg.patch_size), mask)",
         "test_the_target_is_the_configs", "norm_pix_loss changes nothing"),
    ],
    "images.py": [
        ("upright = ImageOps.exif_transpose(img)", "upright = img.copy()",
         "test_exif_orientation", "photos lie on their side"),
        ('img.size, "white")', 'img.size, "black")',
         "test_transparency_lies_on_white", "transparency lies on black"),
        (".clamp(0, 255).round()", ".clamp(0, 255)",
         "test_all_256_values_come_back", "bytes are cut off and not rounded"),
        (".movedim(-3, -1)", ".transpose(-3, -1)",
         "test_a_picture_has_its_channels_last", "pictures have rows and columns exchanged"),
        ("picture.repeat(times, axis=0).repeat", "picture.repeat",
         "test_enlarging_repeats_rows_and_columns_alike", "pictures are made wider and not higher"),
        ("scale = min(width / img.width", "scale = max(width / img.width",
         "test_letterbox_shows_all_and_crop_fills", "a letterbox cuts off what it should show"),
        ("[np.isfinite(values)]", "",
         "test_deep_grey_by_hand", "one infinite value makes a picture black"),
    ],
    "device.py": [
        ('(precision == "auto" and has_bf16(device))', 'precision == "auto"',
         "test_training_precision_follows_the_processor", "processors that have no bfloat16 train in it"),
        ("            torch.set_num_threads(usual)", "            pass",
         "test_threads_follow_what_is_faster", "the number of threads is not put back"),
        ("        if self.calls:\n", "        if True:\n",
         "test_threads_follow_what_is_faster", "the warm-up counts in the choice of threads"),
    ],
    "weights/assets.py": [
        ('.glob("*.jpg")', '.glob("*")',
         "weights/test_bundled.py::test_the_default_model_beats_every_fill_on_the_bundled_photos",
         "what lies beside the photos is taken for one"),
    ],
    "weights/catalogue.py": [
        ('where="cached" if cached else "download"', 'where="download"',
         "weights/test_downloads.py::test_hub_repositories_are_downloaded_once",
         "a model on this disk is offered for download"),
        ('else "XDG_CACHE_HOME"', 'else "XDG_CACHE"',
         "weights/test_downloads.py::test_the_cache_folder_follows_the_environment",
         "the user's cache folder is not asked for"),
    ],
    "weights/files.py": [
        ("weights_only=True", "weights_only=False",
         "weights/test_checkpoints.py::test_pickles_that_need_code_are_refused", "a file of weights can run code"),
        ("safe_globals([argparse.Namespace])", "safe_globals([])",
         "weights/test_checkpoints.py::test_fair_files_load", "the files that FAIR's training writes are refused"),
    ],
    "weights/conversion.py": [
        ('"decoder.mask_token"),', '"decoder.token"),',
         "weights/test_checkpoints.py::test_official_layout_fits_name_by_name_and_shape_by_shape",
         "FAIR's mask token is not known"),
        ('(r"\\.layernorm_before\\.", ".norm1.")', '(r"\\.layernorm_before\\.", ".norm2.")',
         "weights/test_checkpoints.py::test_hugging_face_folders_load", "Hugging Face's norms are exchanged"),
        ('f".attn.{part}.") for part in "qkv"]', 'f".attn.{part}.") for part in "kqv"]',
         "weights/test_checkpoints.py::test_hugging_face_folders_load", "queries and keys are exchanged"),
        ('{"layer_norm_eps": 1e-12} |', "{} |",
         "weights/test_checkpoints.py::test_hugging_face_folders_load",
         "a Hugging Face config without an epsilon gets FAIR's"),
        ('("ema", "model_ema", "model", "state_dict")', '("model", "ema", "model_ema", "state_dict")',
         "weights/test_checkpoints.py::test_the_last_pt_of_a_training_loads_its_average_if_there_is_one",
         "a training's average is passed over"),
        (" or not v.isfinite().all()]", "]",
         "weights/test_checkpoints.py::test_wrong_tensors_get_their_sentence",
         "weights that are no numbers are loaded"),
        ("max(1e-4, torch.finfo(table.dtype).eps)", "1.0",
         "weights/test_checkpoints.py::test_positions_may_be_off_by_rounding_only",
         "learned positions are thrown away unseen"),
    ],
    "weights/checkpoints.py": [
        ("    saved.load_state_dict(state)\n", "",
         "test_golden_value_is_what_the_loaded_file_gives_and_tells_wrong_weights",
         "the golden value is of weights before they are rounded"),
        ("sincos_2d(cfg.grid_size, part", "sincos_2d(cfg.grid_size[::-1], part",
         "test_own_format_round_trips", "loaded models have rows and columns exchanged"),
        (".to(torch.float32, copy=True)", "",
         "test_own_format_round_trips", "half precision stays when loaded"),
        ("model.to(target).eval()", "model.to(target).train()",
         "test_own_format_round_trips", "models are loaded for training"),
        ('folder / "model.safetensors.part", folder', 'folder / "model.safetensors", folder',
         "weights/test_checkpoints.py", "a crash while saving leaves half a file"),
    ],
    "weights/downloads.py": [
        ("            part.unlink(missing_ok=True)\n        elif", "            pass\n        elif",
         "test_a_part_that_is_no_beginning_is_thrown_away",
         "what is no beginning of the file is kept, and refused each time"),
        (' and reply.headers.get("Content-Range", "").startswith(f"bytes {have}-")', "",
         "test_a_range_that_was_not_asked_for_starts_anew", "the whole file is added to its beginning"),
        ("error.code < 500 and ", "",
         "test_a_misbehaving_server_gives_one_sentence_and_no_file", "a server that fails once is not asked again"),
        ("while md5 and (chunk", "while not md5 and (chunk",
         "test_the_published_md5_prefix_is_checked", "the checksum is of nothing"),
        ("token = False if repo in PUBLISHED else None", "token = None",
         "weights/test_downloads.py", "an expired token keeps public files away"),
        ('if name in PUBLISHED and "/" not in name', "if name in PUBLISHED",
         "test_hub_repositories_are_downloaded_once", "a repository of the hub is looked for on FAIR's server"),
        ("(?<!\\.pth)", "",
         "weights/test_downloads.py", "a path that is not there is looked for on the hub"),
    ],
    "weights/prepack.py": [
        ("self.bias = linear.bias.detach()", "self.bias = None",
         "test_packed_equals_plain", "packed layers have no bias"),
        (", memo={id(one): one for one in (*model.parameters(), *model.buffers())})", ")",
         "test_the_model_itself_is_left_alone", "packing takes twice the memory"),
    ],
    "measure/attention.py": [
        ("q @ k.transpose(2, 3) / q.shape[3] ** 0.5", "q @ k.transpose(2, 3)",
         "test_weights_are_softmax_of_scaled_products_and_rows_sum_to_one", "attention that is shown is not scaled"),
        ("kinds[key][:, None, :] & ~same", "kinds[key][:, None, :]",
         "test_forbidden_keys_have_no_part_in_the_output", "a token that may not see its kind may not see itself"),
        ("    with torch.random.fork_rng(devices=[]):\n        torch.manual_seed(seed)\n",
         "    if True:\n        torch.manual_seed(seed)\n",
         "test_control_has_the_size_and_other_weights_and_leaves_the_random_state",
         "the control moves the caller's random numbers"),
    ],
    "measure/baselines.py": [
        ("(imgs * visible).sum(", "imgs.sum(",
         "test_fills_keep_visible_pixels_and_never_look_at_hidden_ones", "the mean colour is of hidden pixels too"),
        ("x - left <= right - x", "x - left < right - x",
         "measure/test_baselines.py", "the right one of two pixels that are equally near is taken"),
        ("tol: float = 2e-4", "tol: float = 2e-2",
         "measure/test_baselines.py", "the soap film stops too early"),
    ],
    "measure/cost.py": [
        ("2 * tokens * tokens * dim", "tokens * tokens * dim",
         "test_formula_equals_torch_s_own_count", "half of attention's products are not counted"),
        ("statistics.median(times[1:])", "statistics.median(times)",
         "measure/test_cost.py", "the warm-up is measured too"),
    ],
    "measure/evaluate.py": [
        ("[0.025, 0.975]", "[0.05, 0.95]",
         "test_the_interval_is_that_of_95_percent", "the 95 % interval holds 90 %"),
        ("{name: e[draws].mean(dim=1) for", '{name: e[draws.flip(int(name == "model"))].mean(dim=1) for',
         "test_skill_is_of_the_same_images_drawn_for_both", "the bootstrap of skill is unpaired"),
        ('values if metric == "mse" else pictures', "pictures",
         "test_model_error_is_the_loss_of_each_image_under_its_own_mask", "the error is of clipped pictures"),
        ("len(imgs), strategy=strategy, seed=seed)", "len(imgs), strategy=strategy)",
         "test_model_error_is_the_loss_of_each_image_under_its_own_mask", "the seed of an evaluation changes nothing"),
    ],
    "measure/features.py": [
        ("latent[:, 1:].mean(dim=1)", "latent.mean(dim=1)",
         "test_features_are_the_encoder_on_all_patches_pooled", "the class token is part of the mean"),
        ('latent[:, 0] if pool == "cls"', 'latent[:, 0] if pool == "mean"',
         "test_features_are_the_encoder_on_all_patches_pooled", "the pools are exchanged"),
    ],
    "measure/film.py": [
        ("np.where(self.hidden, self.outputs[index], self.originals) if paste else", "",
         "test_frames_are_the_models_reconstructions", "frames have the output of visible patches"),
        ('if start <= step <= row["step"]', 'if start < step <= row["step"]',
         "test_labels_say_step_images_and_the_loss_around_it", "the first step of a row has no loss"),
    ],
    "measure/inspection.py": [
        ("mixed = (layer + same) / 2", "mixed = layer",
         "test_rollout_of_two_layers_by_hand", "the roll-out forgets the residual stream"),
        ("mixed / mixed.sum(dim=2, keepdim=True) @ rolled", "rolled @ (mixed / mixed.sum(dim=2, keepdim=True))",
         "test_rollout_of_two_layers_by_hand", "the roll-out multiplies layers in the wrong order"),
        (" - own * keys[:, None]", "",
         "test_shares_of_each_token_by_hand", "attention to itself counts twice"),
    ],
    "measure/linear_mae.py": [
        ("ridge * covariance[0, 0]", "ridge",
         "measure/test_linear_mae.py", "the ridge is no share of the variance"),
        ("size = (2 * h, 2 * w)", "size = (h, 2 * w)",
         "test_autocovariance_against_a_double_loop", "offsets wrap round"),
    ],
    "measure/probes.py": [
        ("torch.var_mean(train, dim=0, correction=0)",
         "torch.var_mean(torch.cat([train, test]), dim=0, correction=0)",
         "test_no_leak_from_test_images", "held-out images have a part in the statistics"),
        ("similarity / (2 * k + 1)", "similarity",
         "test_knn_is_the_slow_reference", "likeness counts as much as votes"),
        ("max(1, round(fraction * len(part)))", "round(fraction * len(part))",
         "test_some_labels_are_balanced_and_nested", "a class can lose all its labels"),
        ("* weight[:, :-1].square().sum()", "* weight.square().sum()",
         "test_linear_probe_finds_the_minimum_of_its_objective", "the bias of the probe is penalised"),
    ],
    "measure/quality.py": [
        ("_hidden_mean((pictures - truth).square(), hidden)", "_hidden_mean((pictures - truth).abs(), hidden)",
         "test_masked_mse_by_hand", "the squared error is not squared"),
        ("count = hidden.sum(dim=(1, 2, 3)) * values.shape[1]", "count = hidden.sum(dim=(1, 2, 3))",
         "test_ssim_equals_a_loop_over_windows", "channels are summed and not averaged"),
        ("torch.where(hidden, pictures, truth) / 255", "pictures / 255",
         "test_ssim_equals_a_loop_over_windows", "visible pixels of a picture count in SSIM"),
        (" / _blur(torch.ones_like(x[:1, :1]), weights)", " / weights.sum() ** 2",
         "test_ssim_equals_a_loop_over_windows", "SSIM takes what lies outside for black"),
    ],
    "measure/reconstruct.py": [
        ("fill_mse > FLAT", "fill_mse > 0",
         "test_a_flat_picture_leaves_nothing_to_be_better_at", "a plain wall has a skill of minus many"),
        ("_heat(difference * where[..., 0])", "_heat(difference)",
         "test_panels_are_what_they_are_called", "the error map shows visible patches"),
        ("_, mean, std = normalize_patches(patchify(image, p))", "_, mean, std = normalize_patches(pred)",
         "measure/test_reconstruct.py", "norm-pix output is rescaled by its own statistics"),
    ],
    "measure/representations.py": [
        ("features[1::2, ~black]", "features[::2, ~black]",
         "measure/test_representations.py", "the readout is measured on images it was fitted on"),
        ("directions * largest.sign()", "directions",
         "measure/test_representations.py", "components have any sign"),
        ("(stack - stack.mean(dim=1, keepdim=True)).double()", "stack.double()",
         "test_cka_of_a_rotated_and_scaled_copy_is_one", "CKA is of columns that are not centred"),
    ],
    "measure/sweeps.py": [
        ("/ (self.times - 1)", "/ self.times",
         "test_guesses_equal_loops_over_masks_and_patches", "the spread of guesses is the biased one"),
        (".where(self.times > 1, torch.nan)", "",
         "test_guesses_equal_loops_over_masks_and_patches", "one guess is taken for agreement"),
        ("masks[torch.arange(num_patches) % views, order] = False",
         "masks[torch.arange(num_patches) % views, torch.arange(num_patches)] = False",
         "test_four_views_hide_three_quarters_each", "views are stripes, the same for each seed"),
    ],
    "show/figures.py": [
        ("vmin=low, vmax=high", "vmin=None, vmax=None",
         "test_maps_share_one_scale", "maps have a scale each"),
        ("        ax.set_title(name, **STYLE)\n        ax.axis", "        ax.axis",
         "test_pictures_are_shown_as_they_are_under_their_names", "pictures lose their names"),
        ("row.get(key) is not None]", "key in row]",
         "test_a_notebook_gets_one_image_with_alt_and_it_is_not_blank", "steps without validation are drawn"),
        ('"units of normalised patches" if shown.leaks else', '"normalised units" if shown.leaks else',
         "show/test_figures.py", "norm-pix errors are said to be in the same units"),
    ],
    "show/film.py": [
        ("film.label(i, batch_size)", "film.label(i)",
         "test_each_frame_has_its_label", "images seen are left out"),
        ("start=len(film.steps) - 1", "start=0",
         "show/test_film.py", "a film opens before training"),
    ],
    "show/sweeps.py": [
        ("abs(share[i] - 0.75)", "abs(share[i] - 0.5)",
         "test_flipbook_of_a_sweep_opens_at_three_quarters", "a sweep opens at half hidden"),
        ("values.reshape(guesses.cfg.grid_size)", "values.reshape(guesses.cfg.grid_size[::-1])",
         "test_map_has_each_value_in_its_place_and_grey_where_there_is_none", "a map has rows and columns exchanged"),
    ],
    "show/style.py": [
        ("dpi=DPI, pil_kwargs=options", "dpi=DPI // 2, pil_kwargs=options",
         "show/test_figures.py", "figures are half as sharp"),
        ("if y is not None]", "]",
         "course/figures/test_what_to_hide.py::test_curves_leave_out_what_was_not_computed",
         "values that are not there are drawn"),
    ],
    "show/html.py": [
        ('alt="{html.escape(alt)}"', 'alt="{alt}"',
         "show/test_flipbook.py::test_no_text_breaks_out", "an alt text can end the image"),
        ('.replace("<", "\\\\u003c")', "",
         "show/test_flipbook.py::test_no_text_breaks_out", "a label can end the script"),
        ("{html.escape(text)}</{tag}>", "{text}</{tag}>",
         "show/test_html.py", "a text can end a table"),
    ],
    "show/flipbook.py": [
        ("<= max_bytes:", "<= 2 * max_bytes:",
         "test_quality_gives_way_to_the_limit", "a flipbook is twice as large as asked"),
    ],
    "train/augment.py": [
        ("u[4] < 0.5", "u[3] < 0.5",
         "test_crops_as_the_paper_draws_them", "the flip is tied to the crop's left edge"),
        ("(scale[1] - scale[0]) * u[0]", "(scale[1] - scale[0]) * u[0] ** 2",
         "test_crops_as_the_paper_draws_them", "small crops are more frequent"),
        ("torch.tensor(4 / 3, device=u.device)", "torch.tensor(2.0, device=u.device)",
         "test_crops_as_the_paper_draws_them", "crops distort up to twice"),
        ("area.minimum(height**2 * ratio).minimum(width**2 / ratio)", "area",
         "test_crops_as_the_paper_draws_them", "boxes that do not fit are cut on one side"),
        ("support = step.clamp(min=1)", "support = torch.ones_like(step)",
         "test_resize_matrix_equals_pillow", "shrinking aliases"),
    ],
    "train/data.py": [
        ("sorted({p.parts[0] for p in files if len(p.parts) > 1})",
         "list({p.parts[0]: 0 for p in files[::-1] if len(p.parts) > 1})",
         "test_folder_with_classes", "classes are not numbered by name"),
        ('and not path.name.startswith(".")', "",
         "test_folder_with_classes", "hidden files of macOS are taken for pictures"),
        ("(i + k) % len(self.source)), ", "i), ",
         "test_lazy_images_replace_and_name_the_damaged", "a damaged picture is read again and again"),
        ("partial(_read_at, path, m.offset_data,", "partial(_read_at, path, m.offset,",
         "test_tar_shards", "pictures of a tar begin with its header"),
    ],
    "train/log.py": [
        ('("epochs", "warmup_epochs",', '("epochs", "batch_size", "warmup_epochs",',
         "train/test_pretrain.py::test_what_cannot_be_resumed_is_told", "batch_size may change on resuming"),
        ('int(row["step"]) <= start)', 'int(row["step"]) > 0)',
         "train/test_pretrain.py::test_history_goes_on_as_if_nothing_had_happened",
         "rows of steps that were lost stay"),
        ("            optimizer.load_state_dict(saved)", "            pass",
         "train/test_pretrain.py::test_resuming_is_bit_equal", "optimisers begin anew on resuming"),
        ("if not math.isfinite(loss + norm)", "if not math.isfinite(loss)",
         "train/test_pretrain.py::test_a_loss_that_is_not_finite_stops_and_keeps_the_state",
         "a gradient that is no number reaches the weights"),
        ('        part = self.path.with_suffix(".part")', "        part = self.path",
         "train/test_pretrain.py::test_a_save_that_fails_keeps_the_old_state",
         "a crash while saving leaves half a state"),
        ("if len(data) <= FRAME_BYTES:", "if True:",
         "test_a_film_at_224_pixels_stays_under_two_megabytes", "a film has no limit"),
    ],
    "train/pretrain.py": [
        ("cfg.seed * 1_000_003 + epoch)[i", "cfg.seed * 1_000_003)[i",
         "test_every_epoch_is_a_fresh_permutation", "every epoch has the same order"),
        (".loss / cfg.accum", ".loss",
         "test_accumulation_equals_the_full_batch", "gradients of parts are summed and not averaged"),
        ("(cfg.seed * 1_000_003 + step) * world", "cfg.seed * 1_000_003 * world",
         "test_every_step_draws_anew", "every step has the same crops and masks"),
        ("masked_error(log.model, val)", "masked_error(model, val)",
         "test_what_is_kept_is_what_is_validated", "validation is of the weights that are not kept"),
        ("len(x) * model(x.to(device), m)", "batch_size * model(x.to(device), m)",
         "test_masked_error", "the last part of a validation weighs as much as a whole one"),
    ],
    "train/recipe.py": [
        ("self.blr * self.batch_size / 256", "self.blr",
         "train/test_recipe.py::test_learning_rate_by_hand", "the rate does not grow with the batch"),
        ("cfg.lr * (step + cfg.COSINE_AFTER_WARMUP) / warmup", "cfg.lr * step / warmup",
         "train/test_recipe.py::test_learning_rate_by_hand", "the first step has no rate"),
        ('p.ndim <= 1 or "token" in name]', "p.ndim <= 1]",
         "train/test_recipe.py::test_each_parameter_is_in_one_group_with_its_decay", "tokens are in no group"),
        ("(0.9, 0.95)", "(0.9, 0.999)",
         "test_adamw_has_the_papers_moments_and_each_groups_decay",
         "AdamW's second moment is the usual and not the paper's"),
    ],
    "train/warm_start.py": [
        ("            nn.init.zeros_(block.attn.proj.weight)\n", "",
         "test_the_prediction_is_the_source_s", "new blocks disturb from the start"),
        ("model.load_state_dict(source.state_dict(), strict=False)", "pass",
         "test_the_prediction_is_the_source_s", "a warm start is a cold one"),
    ],
    "train/classifier.py": [
        ("affine=False", "affine=True",
         "test_gradients_reach_the_last_blocks_alone", "the norm of the head learns too"),
        ("torch.cat([torch.zeros_like(positions[:, :1]), positions], dim=1)",
         "torch.cat([positions[:, :1], positions], dim=1)",
         "test_timm_gives_the_same_features", "the class token has the first patch's position"),
        ('for part in ("norm2", "mlp"))]', 'for part in ("norm1", "attn", "norm2", "mlp"))]',
         "test_gradients_reach_the_last_blocks_alone", "half a block is a whole one"),
    ],
    "train/finetune.py": [
        ("part.train(any(p.requires_grad for p in part.parameters()))", "part.train()",
         "test_no_path_is_dropped_in_a_frozen_block", "paths are dropped in frozen blocks"),
        ("    vit.eval()\n", "",
         "test_the_same_seed_gives_the_same_records", "held-out images move the statistics of the head"),
        ("cfg.label_smoothing * (labels.ndim == 1)", "0.0",
         "test_smoothed_labels_leave_a_loss_however_right_it_is", "labels are not smoothed"),
    ],
    "widgets/curve.py": [
        ("bottom - (bottom - top) * v / high)", "bottom - (bottom - top) * v)",
         "widgets/test_training.py::test_curve_of_any_height_stays_inside", "a curve leaves its frame"),
    ],
    "widgets/page.py": [
        ("self._timer = asyncio.get_running_loop().call_later(COALESCE_SECONDS, self.refresh)", "self.refresh()",
         "widgets/test_playground.py::test_on_an_event_loop_the_latest_of_many_moves_wins",
         "each of many moves is answered"),
        ("            self.hidden = num_masked(cfg.num_patches, cfg.mask_ratio)",
         "            self.hidden = num_masked(cfg.num_patches, 0.75)",
         "widgets/test_playground.py::test_starts_at_the_ratio_of_training_and_the_slider_ends_at_95_percent",
         "the playground does not start at the ratio of training"),
        ("        elif not self._drawn or self.mask != self._put:\n", "        else:\n",
         "widgets/test_playground.py::test_after_drawing_the_slider_adds_and_takes_patches_but_keeps_the_rest",
         "the slider forgets what was drawn"),
    ],
    "widgets/pictures.py": [
        ("while numbered.exists() and numbered.read_bytes() != content:", "while False:",
         "widgets/test_playground.py::test_save_writes_what_is_on_show_and_says_where",
         "a saved picture replaces another one"),
        ('        return [(name, bytes(file["content"])) for name, file in value.items()]',
         "        value = tuple(value.values())",
         "widgets/test_playground.py::test_uploads_of_ipywidgets_7_and_8", "uploads of ipywidgets 7 have no name"),
    ],
    "widgets/studio.py": [
        ("mask.numpy().tobytes(), self.name", "mask.numpy().tobytes()",
         "widgets/test_playground.py::test_each_model_paints_its_own_picture",
         "another model shows what the first one painted"),
        ("    if len(self._kept) > KEPT:", "    if False:",
         "widgets/test_playground.py::test_going_back_costs_nothing_and_what_is_kept_is_bounded",
         "all that was shown stays in memory"),
    ],
    "widgets/training.py": [
        ('sum(record["loss"] for record in since) / len(since)', 'since[-1]["loss"]',
         "test_redraws_at_the_start_every_few_steps_and_at_the_end", "the curve has the loss of single steps"),
        ("if last or quarter > self._quarter:", "if True:",
         "test_read_out_at_quarters_and_at_the_end_only", "every redraw is read out"),
    ],
    "widgets/words.py": [
        ('if shown.leaks and show != "error" else ""', 'if False else ""',
         "widgets/test_playground.py::test_norm_pix_model_has_a_title_that_says_that_it_leaks", "a leak is not said"),
        ('{ratio}, seed={seed})"]\n    return', '{ratio})"]\n    return',
         "widgets/test_playground.py::test_the_python_gives_this_very_picture",
         "the Python that is copied has no seed"),
    ],
    "cli/main.py": [
        ("return model.cfg.mask_ratio if args.mask_ratio is None else args.mask_ratio",
         "return args.mask_ratio or model.cfg.mask_ratio",
         "cli/test_main.py::test_a_ratio_of_0_hides_nothing", "a ratio of 0 is taken for none"),
        ('    if not report.endswith("all is well"):', "    if False:",
         "cli/test_doctor.py", "a doctor who finds something ends as if all were well"),
    ],
    "cli/doctor.py": [
        ("<= TOLERANCE * stored", "<= stored",
         "cli/test_doctor.py", "wrong weights are found right"),
        ("if threads > cores:", "if threads > 99:",
         "cli/test_doctor.py", "too many threads are not noted"),
    ],
    "cli/evaluate.py": [
        ("strategy=strategy, seed=args.seed):", "strategy=strategy):",
         "cli/test_evaluate.py::test_another_seed_draws_other_masks", "the seed of the command changes nothing"),
        ("if args.json:  # each", "if args.json and len(found) == len(settings):  # each",
         "cli/test_evaluate.py", "an interrupted sweep leaves nothing"),
    ],
    "cli/transfer.py": [
        ("names[0] != names[1]", "len(names[0]) != len(names[1])",
         "cli/test_transfer.py", "other classes of the same number are taken"),
        ("(k in apart) is held", "(k in apart) is not held",
         "cli/test_transfer.py", "four fifths are held out"),
    ],
    "cli/frame.py": [
        ("[:limit]\n", "\n",
         "cli/test_evaluate.py", "more images than asked for are used"),
    ],
    "cli/pretrain.py": [
        ("evenly(held_out, args.val_images)", "None",
         "train/test_pretrain.py::test_as_many_images_validate_as_are_asked_for", "all validation images are used"),
    ],
}
# fmt: on
"""By file: the old text, the new one, the tests that must notice, what is wrong then."""


def mutants() -> list[Mutant]:
    """The table, a row each; a test without a file is of the file's own: tests/masking.py has tests/test_masking.py."""
    rows = []
    for file, changes in TABLE.items():
        own = Path(file).with_name(f"test_{Path(file).name}").as_posix()
        for old, new, tests, why in changes:
            ids = [test if ".py" in test else f"{own}::{test}" for test in tests.split()]
            rows.append(Mutant(file, old, new, tuple(f"tests/{one}" for one in ids), why))
    return rows


def changed(mutant: Mutant, root: Path = ROOT) -> str:
    """The file's text with the change.

    Raises:
        ValueError: if the old text is not there, or more than once.
    """
    text = (root / "mae_lite" / mutant.file).read_text(encoding="utf-8")
    if (count := text.count(mutant.old)) != 1:
        raise ValueError(f"mae_lite/{mutant.file} has {mutant.old!r} {count} times, not once; put the table right.")
    return text.replace(mutant.old, mutant.new)


def copy_tree(folder: Path) -> Path:
    """The tree as it is now in a folder, what is never changed as links."""
    folder.mkdir()
    for path in ROOT.iterdir():
        if path.name in LINKED:
            (folder / path.name).symlink_to(path, target_is_directory=True)
        elif path.name in ("mae_lite", "tests"):
            shutil.copytree(path, folder / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif path.is_file():
            shutil.copy(path, folder)
    code = "import mae_lite, mae_course; print(mae_lite.__file__)"
    found = run(folder, "-c", code, cwd=folder.parent).stdout.strip()
    if found != str(folder / "mae_lite/__init__.py"):
        raise RuntimeError(f"Python imports {found or 'nothing'} and not the copy in {folder}; is PYTHONPATH ignored?")
    return folder


def run(folder: Path, *args: str, cwd: Path | None = None) -> subprocess.CompletedProcess:
    """Python with one thread and the packages of a copy; nothing compiled is kept, since a change takes no second."""
    paths = os.pathsep.join([str(folder), str(folder / "notebooks")])
    env = os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *args], cwd=cwd or folder, env=env, capture_output=True, text=True, timeout=SECONDS
    )


def run_tests(folder: Path, tests: tuple[str, ...]) -> tuple[int, str]:
    """Exit code of pytest, and the first test that failed or else its last words."""
    try:
        done = run(folder, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests)
    except subprocess.TimeoutExpired:
        return -1, f"no end after {SECONDS} seconds"
    failed = re.search(r"^(?:FAILED|ERROR) tests/([^\s\[]+)", done.stdout, re.MULTILINE)
    last = (done.stdout + done.stderr).strip().splitlines()[-1:]
    return done.returncode, failed[1] if failed else "".join(last)


def try_mutant(mutant: Mutant, folder: Path) -> tuple[str, str]:
    """What became of a change in a copy of the tree: "noticed", "SURVIVED" or "BROKEN", and the test or why."""
    file = folder / "mae_lite" / mutant.file
    before, after = file.read_text(encoding="utf-8"), changed(mutant, folder)
    file.write_text(after, encoding="utf-8")
    try:
        code, words = run_tests(folder, mutant.tests)
    finally:
        file.write_text(before, encoding="utf-8")
    return {0: "SURVIVED", 1: "noticed"}.get(code, "BROKEN"), words


def main(words: list[str]) -> int:
    """Try the changes; print what no test notices."""
    chosen = [one for one in mutants() if not words or any(word in one.file for word in words)]
    try:
        for mutant in chosen:
            changed(mutant)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    workers = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(workers) as pool:
        free: SimpleQueue[Path] = SimpleQueue()
        for k in range(workers):
            free.put(copy_tree(Path(place).resolve() / f"tree{k}"))

        def in_a_copy(work, *args):
            folder = free.get()
            try:
                return work(*args, folder)
            finally:
                free.put(folder)

        tests = sorted({test for one in chosen for test in one.tests})
        parts = [tuple(tests[k::workers]) for k in range(min(workers, len(tests)))]
        for code, said in pool.map(lambda part: in_a_copy(lambda folder: run_tests(folder, part)), parts):
            if code:
                print(f"Without any change: {said}; mend that first.", file=sys.stderr)
                return 1
        rows, bad = [], 0
        for mutant, (state, said) in zip(chosen, pool.map(lambda one: in_a_copy(try_mutant, one), chosen), strict=True):
            print(f"{state:8} {mutant.file}: {mutant.why} ({said})", flush=True)
            rows.append((mutant.file, mutant.why, said))
            bad += state != "noticed"
    if bad:
        print(f"{bad} of {len(chosen)} changes are not noticed; write a test for each.")
    elif not words:
        with RECORD.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("file", "what is wrong", "noticed by"), *rows])
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
