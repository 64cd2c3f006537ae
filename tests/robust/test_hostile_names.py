"""A photo may be named like a piece of a web page: wherever its name appears, it is text."""

import ast
import html.parser
import json
import shutil
import sys

import pytest
import torch

import mae_lite as ml
from mae_course.pages.attention_explorer import attention_explorer, show_attention
from mae_course.pages.twin import twin_slider
from mae_lite.cli.main import main
from mae_lite.images import load_image, to_uint8
from mae_lite.show.figures import show_reconstruction
from mae_lite.show.flipbook import Strip, flipbook
from mae_lite.weights.assets import asset_path
from mae_lite.widgets import playground
from mae_lite.widgets.training import Training
from mae_lite.widgets.words import stand_in

NAMES = ("<img src=x onerror=alert(1)>.jpg", "'\"><svg onload=alert(1)>.jpg", "&lt;b&gt; ${alert(1)} {0} %s.jpg")
CFG = ml.MAEConfig(
    img_size=(32, 48), patch_size=8, embed_dim=32, depth=1, num_heads=2,
    decoder_embed_dim=32, decoder_depth=1, decoder_num_heads=2,
)  # fmt: skip
N = CFG.num_patches
pytestmark = [
    pytest.mark.parametrize("name", NAMES),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no files of such names"),
]


class Tags(html.parser.HTMLParser):
    """What a browser would make of a piece of HTML: tags with their attributes, and text outside of scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.scripts, self.inside = [], "", [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts.append(data)
        elif self.inside != "style":
            self.text += data


def check(page, name, *, alt=False, text=False):
    """No tag comes from the name; where it should be read, it is there whole."""
    seen = Tags(page)
    assert [tag for tag, had in seen.tags if any(key.startswith("on") for key in had) or had.get("src") == "x"] == []
    assert "svg" not in {tag for tag, _ in seen.tags}
    alts = [had["alt"] for tag, had in seen.tags if tag == "img"]
    assert not alt or any(name in one for one in alts), f"no alt text has the name: {alts}"
    assert not text or name in seen.text
    for script in seen.scripts[:1]:
        assert "<" not in script, "the data of a script could end it"
        json.loads(script)
    return seen


@pytest.fixture
def model():
    torch.manual_seed(0)
    return ml.MAE(CFG).eval()


@pytest.fixture
def photo(name, tmp_path):
    return shutil.copy(asset_path("photos", "cat.jpg"), tmp_path / name)


def pictures(count):
    """Frames for a flipbook."""
    return torch.randint(0, 256, (count, 20, 30, 3), generator=torch.Generator().manual_seed(0)).byte().numpy()


def test_playground(model, photo, name, tmp_path, monkeypatch, count):
    monkeypatch.chdir(tmp_path)
    page = playground(model, [photo])
    assert page.shown is not None
    check(stand_in(page.shown)["text/html"], name)
    code = ast.parse(page.copy_as_python())
    literals = [node.value for node in ast.walk(code) if isinstance(node, ast.Constant)]
    assert str(photo) in literals, "the name leaves its quotes"
    saved = page.save()
    assert saved.is_file()
    assert saved.parent == tmp_path / "out" or saved.parent.name == "out"
    assert not set("<>'\"&;$ ") & set(saved.name), "a name that a shell or a page could misread"
    page._received(page, {"do": "upload", "names": [f"../../{name}"]}, [photo.read_bytes()])
    assert page.error == ""
    assert page.photos[-1]["name"] in (name, name.removesuffix(".jpg"))
    page._received(page, {"do": "python"}, [])
    ast.parse(page.code)
    assert all(path.parent == tmp_path / "out" for path in tmp_path.rglob("*.jpg") if path != photo), "it climbed out"
    page._received(page, {"do": "path", "text": str(tmp_path / f"no {name}")}, [])
    assert page.error.endswith(".")
    check(stand_in(page.shown)["text/html"], name)
    count("photos named like a piece of a page", tried=3)


def test_figures(model, photo, name, count):
    image, mask = load_image(photo, model), ml.random_mask(N)
    figure = show_reconstruction([ml.reconstruct(model, image, mask)])
    figure.alt = f"{name}: {figure.alt}"
    check(figure.to_html(), name, alt=True)
    weights = {name: torch.rand(2, 2, N, N)}
    figure = show_attention(to_uint8(image, CFG)[0], weights, CFG.grid_size, 3, [0, 1])
    check(figure.to_html(), name)
    count("photos named like a piece of a page", tried=2)


def test_flipbook(name, count):
    frames = list(pictures(5))
    options = {
        "titles": [name],
        "name": name,
        "above": Strip(frames[0], name, name),
        "below": Strip(frames[1], name, name),
    }
    book = flipbook(frames, [name] * 5, [name] * 5, **options)
    seen = check(book.to_html(), name, alt=True, text=True)
    assert [tag for tag, _ in seen.tags].count("script") == 2
    count("photos named like a piece of a page", tried=1)


def test_attention_explorer(model, photo, name, count):
    weights = {name: torch.rand(2, 2, N, N)}
    facts = {name: {f"{{}} {name.replace('{0}', '')}": torch.rand(2, 2, N)}}
    picture = to_uint8(load_image(photo, model), CFG)[0]
    shown = attention_explorer(picture, weights, facts, CFG.grid_size, alt=name, kinds=[name] * N)
    seen = check(shown.to_html(), name)
    assert json.loads(seen.scripts[0])["alt"] == name
    assert [tag for tag, _ in seen.tags].count("script") == 2
    count("photos named like a piece of a page", tried=1)


def test_training(model, photo, name, count):
    view = Training(model, {name: load_image(photo, model)}, 10, 5)
    view.add({"step": 5, "loss": 0.5, "seconds": 1.0})
    view.finish()
    check(view.stand_in()["text/html"], name, alt=True)
    check(view.flipbook().to_html(), name, alt=True, text=True)
    assert Tags(view.curve).tags[0][0] == "svg"
    assert name not in view.curve, "the page takes the curve as HTML: no text of a user's may be in it"
    count("photos named like a piece of a page", tried=2)


def test_sentence_beside_a_photo(name, count):
    photo = torch.zeros(1, 3, *CFG.img_size)
    words, hidden = [name, "b", "c", name], torch.tensor([[False, True, False, True]])
    fills = {"model": [[name, name, name, "x"]]}
    made = twin_slider(words, hidden, fills, photo, ml.random_mask(N), {"model": [photo]}, CFG)
    check(made.to_html(), name, text=True)
    for row in made.frames:  # the page takes these as HTML
        for frame in row:
            assert [tag for tag, _ in Tags(frame.sentence).tags if tag not in ("span", "u", "b")] == []
    count("photos named like a piece of a page", tried=1)


def test_command_line(photo, name, tmp_path, monkeypatch, capsys, count):
    monkeypatch.chdir(tmp_path)
    assert main(["reconstruct", name, "--model", "mae-lite-nano"]) == 0
    assert f"mae-lite-nano, {name}: " in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name.removesuffix(".jpg") + ".png"]
    count("photos named like a piece of a page", tried=1)
