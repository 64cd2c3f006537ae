"""The site as built: every page there, every link alive, nothing from elsewhere, every picture with alt text."""

import base64
import html.parser
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
import torch
from PIL import Image

import mae_lite as ml
from helpers.html import Images
from helpers.project import ROOT, load
from helpers.site import FOLDER, built_site, pages_of
from mae_lite.masking import num_masked

make_site, explorer = (load(FOLDER / f"{name}.py") for name in ("make_site", "explorer"))


@pytest.fixture(scope="module")
def site():
    return built_site()


class Page(html.parser.HTMLParser):
    """Ids, links, and what the page loads."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loads, self.sources = set(), [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids |= {found[key] for key in ("id", "name") if found.get(key)}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        elif tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload", "shortcut icon"):
            self.loads.append(found["href"])
        elif tag != "a":
            self.loads += [found[key] for key in ("src", "srcset", "data", "poster") if found.get(key)]


@pytest.mark.slow
def test_every_notebook_guide_and_card_is_a_page(site):
    sources = [path for pattern in make_site.PAGES for path in ROOT.glob(pattern)]
    wanted = {path.relative_to(ROOT).with_suffix(".html") for path in sources}
    wanted |= {Path(name).with_suffix(".html") for name in ("index", "search", "solutions", "models", "slides")}
    found = {path.relative_to(site) for path in pages_of(site)}
    assert wanted <= found, f"missing: {sorted(map(str, wanted - found))}"
    assert len([path for path in wanted if path.parent == Path("notebooks")]) >= 7


@pytest.mark.slow
def test_every_page_is_small_enough(site):
    sizes = {str(path.relative_to(site)): path.stat().st_size / 1e6 for path in pages_of(site)}
    assert max(sizes.values()) <= 5, {name: size for name, size in sizes.items() if size > 5}
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < 60e6


@pytest.mark.slow
def test_every_internal_link_leads_to_a_page_and_a_place_in_it(site):
    parsed = {path: Page(path) for path in pages_of(site)}
    dead, count = [], 0
    for path, page in parsed.items():
        for link in page.links:
            if re.match(r"\w+:", link):
                continue
            where, _, anchor = link.partition("#")
            target = (path.parent / unquote(where)).resolve() if where else path
            count += 1
            known = anchor == "" or target not in parsed or unquote(anchor) in parsed[target].ids or anchor.isdigit()
            if not target.is_file() or not known:
                dead.append(f"{path.relative_to(site)}: {link}")
    assert dead == []
    assert count > 300, "the links of notebooks to each other are gone"


@pytest.mark.slow
def test_links_between_notebooks_are_links_between_pages(site):
    links = [link for path in pages_of(site) for link in Page(path).links if not link.startswith("http")]
    assert [link for link in links if ".ipynb" in link] == []
    assert "04_encoder_decoder.html" in Page(site / "notebooks/05_loss_and_pictures.html").links
    assert "handout.html" in Page(site / "notebooks/guides/reading_group.html").links, "to open and print"


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(site):
    loads = {(str(path.relative_to(site)), load) for path in pages_of(site) for load in Page(path).loads}
    assert [one for one in sorted(loads) if re.match(r"(?!data:)\w+:|//", one[1])] == []
    for path in (site / "_static").rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", path.read_text(encoding="utf-8")), path


@pytest.mark.slow
def test_every_picture_has_alt_text(site):
    counts = {}
    for path in pages_of(site):
        found = Images(path.read_text(encoding="utf-8")).found
        counts[path.name] = len(found)
        assert [img.get("src", "")[:60] for img in found if not img.get("alt")] == [], path.relative_to(site)
    assert counts["05_loss_and_pictures.html"] >= 10


@pytest.mark.slow
def test_every_page_can_be_found_ones_way_in_by_ear(site):
    """One first heading, a level for each other one, and a name for what there is two of."""
    for path in pages_of(site):
        text, name = path.read_text(encoding="utf-8"), path.relative_to(site)
        assert len(re.findall(r"<h1[ >]", text)) == 1, name
        assert '<html lang="en"' in text or re.search(r'<html[^>]* lang="en"', text), name
        assert re.findall(r'<\w+[^>]*role="heading"(?![^>]*aria-level)[^>]*>', text) == [], name
        labels = [re.search(r'aria-label="([^"]*)"', aside) for aside in re.findall(r"<aside[^>]*drawer[^>]*>", text)]
        assert all(labels), name
        assert len({label[1] for label in labels}) == len(labels), name


@pytest.mark.slow
def test_pages_say_nothing_of_this_machine(site):
    for path in pages_of(site):
        assert str(ROOT) not in path.read_text(encoding="utf-8"), path


def explorer_data(site):
    text = (site / "notebooks/07_reconstruction.html").read_text(encoding="utf-8")
    found = re.search(r'class="mae-lite-explorer".*?<script type="application/json">(.*?)</script>', text, re.DOTALL)
    assert found, "the page of the lab has no explorer"
    return json.loads(found[1])


def decoded(source):
    with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as image:
        return np.asarray(image.convert("RGB")).astype(float)


@pytest.mark.slow
def test_explorer_has_an_answer_for_each_photo_seed_and_ratio(site):
    data = explorer_data(site)
    shape = np.array([[len(row) for row in rows] for rows in data["frames"]]).shape
    assert shape == (len(data["photos"]), len(data["seeds"]))
    assert len(data["photos"]) >= 5
    frames = [one for rows in data["frames"] for row in rows for one in row]
    assert len(frames) == len(data["photos"]) * len(data["seeds"]) * len(data["ratios"])
    assert len({one["picture"] for one in frames}) == len(frames), "two answers with the same picture"
    for rows in data["frames"]:
        for row in rows:
            hidden = [int(re.search(r"\((\d+) of 196", one["label"])[1]) for one in row]
            assert hidden == [num_masked(196, ratio) for ratio in explorer.RATIOS]
            assert all(f"{count} of 196 patches hidden" in one["alt"] for count, one in zip(hidden, row, strict=True))


@pytest.mark.slow
def test_explorer_shows_what_the_model_answers(site):
    """One answer computed anew, at another photo, seed and ratio than one sees first."""
    data, photo, seed, ratio = explorer_data(site), 2, 1, explorer.RATIOS.index(0.6)
    model = ml.load_model("mae-lite-mini")
    image = ml.load_image(ml.asset_path("photos", f"{explorer.PHOTOS[photo]}.jpg"), model)
    shown = ml.reconstruct(model, image, ml.random_mask(196, mask_ratio=0.6, seed=explorer.SEEDS[seed]))
    picture = decoded(data["frames"][photo][seed][ratio]["picture"])
    assert picture.shape == (112, 228, 3)
    for part, expected in ((picture[:, :112], shown.masked), (picture[:, 116:], shown.pasted)):
        assert np.abs(part - expected).mean() < 6, "more than the loss of WebP"
    assert f"MSE {shown.mse:.3f}" in data["frames"][photo][seed][ratio]["label"]
    assert np.abs(decoded(data["originals"][photo]) - shown.original).mean() < 6


def test_a_lab_without_its_playground_is_said(tmp_path):
    path = tmp_path / "07.ipynb"
    shutil.copy(ROOT / "notebooks/00_start_here.ipynb", path)
    with pytest.raises(SystemExit, match=r"07.ipynb should have one cell that ends with playground\(\); it has 0"):
        make_site.add_explorer(path, "<p>")


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A repository of a README, a picture and a guide."""
    (tmp_path / "repo/notebooks/guides").mkdir(parents=True)
    (tmp_path / "repo/a b.txt").write_text("x")
    (tmp_path / "repo/README.md").write_text(
        '# Me\n\n![x](pic.png) [c](code.py#L1) [w](https://x.org) <img src="i.png">\n'
    )
    for name in ("pic.png", "code.py", "i.png", "unlinked.py"):
        (tmp_path / "repo" / name).write_text("x")
    monkeypatch.setattr(make_site, "ROOT", tmp_path / "repo")
    return tmp_path / "repo"


def test_pages_bring_what_they_link_to_and_no_more(small, tmp_path):
    make_site.gather(tmp_path / "out")
    found = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert found == {"README.md", "pic.png", "code.py", "i.png", *make_site.OWN}


def test_a_list_of_guides_is_there_as_soon_as_a_guide_is(small, tmp_path):
    make_site.gather(tmp_path / "out")
    assert "notebooks/guides/*" not in (tmp_path / "out/index.md").read_text()
    (small / "notebooks/guides/plan.md").write_text(
        "# Plan\n\n[x](../03.ipynb#How-much%3F-A:-b) [y](../../README.md#me)\n"
    )
    make_site.gather(tmp_path / "out")
    assert "notebooks/guides/*" in (tmp_path / "out/index.md").read_text()
    assert "notebooks/guides/roles" not in (tmp_path / "out/index.md").read_text(), "named, but not there"
    guide = (tmp_path / "out/notebooks/guides/plan.md").read_text()
    assert "[x](../03.ipynb#how-much-a-b)" in guide, "JupyterLab's anchors become Sphinx'"
    assert "[y](../../README.md#me)" in guide


@pytest.mark.slow
def test_formulas_are_in_the_page_and_a_wrong_one_is_a_warning(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/index.md").write_text(
        "# Title\n\nThe loss $\\frac{1}{n}$:\n\n$$\nx^2 + y_i\n$$\n\nand $\\wrong{x}$.\n"
    )
    command = [sys.executable, "-m", "sphinx", "-q", "-c", FOLDER, tmp_path / "in", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True)
    page = (tmp_path / "out/index.html").read_text()
    assert page.count("<math") == 2
    assert "<mfrac>" in page
    assert 'display="block"' in page
    assert "<msup>" in page
    assert "<code>\\wrong{x}</code>" in page
    assert "formula not understood" in done.stderr
    assert "athjax" not in page.replace("mathjax_ignore", "")


@pytest.mark.slow
def test_search_index_has_the_notebooks_and_leaves_solutions_out(site):
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    data = json.loads(re.search(r"Search\.setIndex\((.*)\)", index, re.DOTALL)[1])
    names, found = data["docnames"], set()
    for where in (data["terms"]["pix"], data["titleterms"]["pix"]):
        found |= {names[k] for k in (where if isinstance(where, list) else [where])}
    assert "notebooks/05_loss_and_pictures" in found
    assert [name for name in found if "solutions" in name] == []


def test_torch_is_left_alone():
    assert torch.is_grad_enabled(), "loading the explorer changes no setting of torch"
