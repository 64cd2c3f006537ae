"""The commands as a user types them: one in a process of its own, the others in this one, which saves seconds each."""

import subprocess
import sys

import pytest
import torch
from PIL import Image

from helpers.project import exit_code
from mae_lite.cli.main import main
from mae_lite.config import MAEConfig
from mae_lite.mae import MAE
from mae_lite.weights.checkpoints import save_model

CFG = MAEConfig(
    img_size=(32, 32), patch_size=8, embed_dim=16, depth=1, num_heads=2,
    decoder_embed_dim=16, decoder_depth=1, decoder_num_heads=2,
)  # fmt: skip


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """A function: runs a command in tmp_path; returns its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def call(*args):
        code = main([*map(str, args)])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def model_folder(tmp_path):
    torch.manual_seed(0)
    save_model(MAE(CFG), tmp_path / "model")
    return tmp_path / "model"


def test_reconstruct_without_arguments_fills_in_a_bundled_photo(tmp_path):
    command = [sys.executable, "-m", "mae_lite", "reconstruct"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert "147 of 196 patches hidden" in run.stdout
    assert "skill over the harmonic fill" in run.stdout
    with Image.open(tmp_path / "out/cat.png") as picture:
        assert picture.width > 3 * picture.height > 600


def test_a_ratio_of_0_hides_nothing(model_folder, run):
    code, out, err = run("reconstruct", "--model", model_folder, "--mask-ratio", 0)
    assert code == 0, err
    assert "0 of 16 patches hidden" in out


def test_reconstruct_own_photo_model_and_drawn_mask(tmp_path, model_folder, run):
    Image.effect_noise((80, 50), 60).save(tmp_path / "noise.png")
    (tmp_path / "mask.txt").write_text("1111\n1001\n1001\n1111\n")
    args = ["noise.png", "--model", model_folder, "--mask", "mask.txt", "--fit", "letterbox", "--out", "a/b.jpg"]
    code, out, err = run("reconstruct", *args)
    assert code == 0, err
    assert "12 of 16 patches hidden" in out
    with Image.open(tmp_path / "a/b.jpg") as picture:
        assert picture.format == "JPEG"


def text_file(path):
    path.write_text("I am not a picture, whatever my name says.")


def truncated_model(folder):
    save_model(MAE(CFG), folder)
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:2000])


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (["no_such_photo.jpg"], "no_such_photo.jpg"),
        (["text.jpg"], "not a picture"),
        (["--model", "truncated"], "cut short"),
        (["--mask", "mask.txt"], "mask.txt: This mask has 2x3 patches, the model 14x14"),
        (["--mask-ratio", "1.2"], "mask_ratio is 1.2; it must be at least 0 and below 1"),
        (["--model", "mae_visualize_vit_base"], "mae_visualize_vit_base.pth"),
        (["--model", "no-such-model"], "no-such-model"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(args, part, tmp_path, monkeypatch, run):
    text_file(tmp_path / "text.jpg")
    truncated_model(tmp_path / "truncated")
    (tmp_path / "mask.txt").write_text("110\n010\n")
    for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # no network: nothing listens there
    monkeypatch.setenv("MAE_LITE_CACHE", str(tmp_path / "cache"))
    code, _, err = run("reconstruct", *args)
    assert code == 2
    assert "Traceback" not in err
    message = err.strip().splitlines()[-1]
    assert message.startswith("mae_lite: ")
    assert part in message
    assert len(message) < 700
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (["reconstruct", "--mask", "long.txt"], "long.txt: This mask has 28x7 patches, the model 14x14"),
        (["reconstruct", "--mask", "full.txt"], "full.txt: This mask hides every patch"),
        (["reconstruct", "--mask", "photo.png"], "only 0 and 1"),
        (["reconstruct", "--mask", "none.txt"], "none.txt"),
        (["reconstruct", "--seed", "-1"], "-1 must be at least 0"),
        (["reconstruct", "--mask-ratio", "nan"], "mask_ratio is nan"),
        (["reconstruct", "--out", "noend"], "noend: name a .png"),
        (["reconstruct", "--device", "tpu"], 'no device "tpu"'),
        (["pretrain", "--data", ".", "--out", "run", "--num-heads", "0"], "num_heads is 0; it must be at least 1"),
        (["pretrain", "--data", ".", "--out", "run", "--depth", "-1"], "depth is -1"),
        (["pretrain", "--data", ".", "--out", "run", "--mlp-ratio", "0"], "mlp_ratio is 0.0"),
        (["pretrain", "--data", ".", "--out", "run", "--log-every", "0"], "log_every is 0"),
        (["pretrain", "--data", ".", "--out", "run", "--clip-grad", "-1"], "clip_grad is -1.0"),
        (["pretrain", "--data", ".", "--out", "run", "--min-scale", "2"], "min_scale is 2.0"),
        (
            ["pretrain", "--data", ".", "--out", "run", "--warmup-epochs", "9", "--epochs", "8"],
            "from 0 to the 8",
        ),
        (["pretrain", "--data", ".", "--out", "run", "--img-size", "8", "16", "24"], "not 3 numbers"),
        (["pretrain", "--data", ".", "--out", "run", "--store-size", "1"], "store-size 1 must be at least"),
    ],
)
def test_options_that_cannot_work_are_told_in_a_sentence(args, part, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.effect_noise((40, 40), 50).save("photo.png")
    (tmp_path / "long.txt").write_text("1001100\n" * 28)
    (tmp_path / "full.txt").write_text("1" * 14 + "\n" + ("1" * 14 + "\n") * 13)
    code = exit_code(main, args)
    assert code == 2
    assert part in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "out").exists()


def test_a_folder_as_out_gets_the_picture(tmp_path, monkeypatch, model_folder, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    assert main(["reconstruct", "--model", str(model_folder), "--out", "pictures"]) == 0
    assert "Saved pictures" in capsys.readouterr().out
    assert (tmp_path / "pictures/cat.png").exists()


def test_models_lists_size_target_licence_and_place(run):
    code, out, err = run("models")
    assert code == 0, err
    lines = out.splitlines()
    (nano,) = (line for line in lines if line.startswith("mae-lite-nano "))
    assert "raw" in nano
    assert "bundled" in nano
    assert any("mae_visualize_vit_large" in line and "CC-BY-NC" in line for line in lines)
