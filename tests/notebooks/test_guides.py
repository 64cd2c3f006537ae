"""Guides: links lead to headings and cells that exist, minutes add up, and numbers are those of tables and records."""

import html.parser
import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import jupytext
import pytest
import torch

from helpers.project import NOTEBOOKS, load
from mae_course.exercises import homework
from mae_course.pages.claim_board import load_claims
from mae_course.paper.tables import load_table
from mae_lite.config import PRESETS
from mae_lite.mae import MAE
from mae_lite.measure.cost import count_flops
from mae_lite.weights.assets import asset_path

GUIDES = NOTEBOOKS / "guides"
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted(GUIDES.glob("*.md"))}
SOURCES = {path.stem: path for path in sorted((NOTEBOOKS / "source").glob("*.py"))}
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")

quiz_bank = load(GUIDES / "quiz_bank.py")


def sections(name):
    """The code under each heading of a notebook, by JupyterLab's name for it: spaces become dashes."""
    found, heading = {"": []}, ""  # "" is above the first heading
    for cell in jupytext.read(SOURCES[name], fmt="py:percent").cells:
        if cell.cell_type == "markdown":
            for title in re.findall(r"^#{2,4} (.+)$", cell.source, re.MULTILINE):
                heading = title.strip().replace(" ", "-")
                assert heading not in found or heading in ("Solution",), f"{name} has two headings {title}"
                found[heading] = []
        else:
            found[heading].append(cell.source)
    return found


SECTIONS = {name: sections(name) for name in SOURCES}


def resolve(target):
    """Why a link from a guide leads nowhere, or None."""
    path, _, fragment = target.partition("#")
    if target.startswith("https://"):
        return None
    name = Path(path).stem
    if path.endswith(".ipynb"):
        if name not in SECTIONS or path != f"../{name}.ipynb":
            return f"there is no notebook {path}"
        return None if not fragment or unquote(fragment) in SECTIONS[name] else f"{name} has no heading {fragment}"
    return None if (GUIDES / path).exists() else f"there is no {path}"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_notebooks_and_headings_that_exist(page):
    targets = [target for _, target in LINK.findall(PAGES[page])]
    assert targets or page == "quiz_more.md"
    assert [why for target in targets if (why := resolve(target))] == []


def test_the_test_of_links_finds_dead_ones():
    assert "no heading" in resolve("../03_what_to_hide.ipynb#Which-one?")
    assert "no notebook" in resolve("../33_what.ipynb")
    assert "there is no" in resolve("rolls.md")


def test_notebook_12_links_to_headings_that_exist():
    """Its twenty questions and the board, too, point at experiments."""
    text = SOURCES["12_critical_reading"].read_text(encoding="utf-8")
    targets = [target for _, target in LINK.findall(text.replace("\n# ", " ")) if ".ipynb" in target]
    assert (
        len(re.findall(r"^# \d+\. .*?\?", text[text.index("Twenty questions") : text.index("takeaways\n#\n")], re.M))
        == 20
    )
    assert [why for target in targets if (why := resolve(f"../{target}"))] == []
    for claim in load_claims():
        name, heading = claim.see
        assert heading.replace(" ", "-") in SECTIONS[name], f"{claim.name}: {name} has no heading {heading}"


AGENDAS = dict(re.findall(r"^## (\d+) minutes\n(.*?)(?=^## )", PAGES["reading_group.md"], re.MULTILINE | re.DOTALL))
ROW = re.compile(r"^\| (\d):(\d\d) \| (\d+) \| \[[^\]]+\]\(([^)]+)\)(?: `(.+?)`)? \| (.+) \|$", re.MULTILINE)


@pytest.mark.parametrize("minutes", AGENDAS)
def test_agenda_adds_up_and_every_cell_is_under_its_heading(minutes):
    rows = ROW.findall(AGENDAS[minutes])
    assert len(rows) == len(re.findall(r"^\| \d:", AGENDAS[minutes], re.MULTILINE)) >= 6
    clock = 0
    for hour, minute, takes, target, code, ask in rows:
        assert 60 * int(hour) + int(minute) == clock, f"{target} begins at {clock} minutes"
        clock += int(takes)
        assert "?" in ask or "Vote" in ask or "card" in ask or "Break" in ask
        if code:
            path, _, fragment = target.partition("#")
            name = Path(path).stem
            cells = [cell for cell in SECTIONS[name][unquote(fragment)] if code in cell]
            assert len(cells) == 1, f"{len(cells)} cells under {fragment} of {name} hold {code}"
    assert clock == int(minutes)


def test_agendas_are_45_60_and_90_minutes_and_call_on_the_roles():
    assert list(AGENDAS) == ["45", "60", "90"]
    cards = re.findall(r"^## (\w+)$", PAGES["roles.md"], re.MULTILINE)
    assert cards == ["Reviewer", "Archaeologist", "Practitioner", "Hacker", "Sceptic"]
    for card in cards:
        assert f"**{card.lower()}**" in AGENDAS["90"].lower()
        assert f"| {card.lower()} |" in PAGES["scribe.md"]


def test_every_notebook_has_its_page_in_the_instructors_guide_with_the_minutes_of_its_head():
    parts = re.split(r"^## (?=\d\d )", PAGES["teaching.md"], flags=re.MULTILINE)[1:]
    assert [part[:2] for part in parts] == [name[:2] for name in SOURCES]
    for part, (name, path) in zip(parts, SOURCES.items(), strict=True):
        head = re.search(r"\*\*Time\*\* (\d+) minutes .*?, (\d+) more", path.read_text(encoding="utf-8"))
        if head:
            assert f"**Minutes**: {head[1]} + {head[2]}." in part, f"{name}: {head[0]}"
        for mark in ("**Ask before you slide**", "**Pause at**", "**They think**"):
            assert mark in part, f"{name} lacks {mark}"


def test_collected_quizzes_are_those_of_the_notebooks():
    assert PAGES["quiz.md"] == quiz_bank.collect(), "run python notebooks/guides/quiz_bank.py"
    quizzes = [name for name, path in SOURCES.items() if "# ## Quiz" in path.read_text(encoding="utf-8")]
    assert PAGES["quiz.md"].count("<summary>Answer</summary>") == 3 * len(quizzes)


def test_more_questions_are_numbered_and_answered():
    numbers = re.findall(r"^\*\*(\d+)\.\*\*", PAGES["quiz_more.md"], re.MULTILINE)
    assert numbers == [str(k) for k in range(1, len(numbers) + 1)]
    assert PAGES["quiz_more.md"].count("<summary>Answer</summary>") == len(numbers) >= 15


class Numbers(html.parser.HTMLParser):
    """What stands in each element that says where it is from."""

    def __init__(self):
        super().__init__()
        self.found, self.source = [], None

    def handle_starttag(self, tag, attrs):
        self.source = dict(attrs).get("data-from")

    def handle_data(self, data):
        if self.source:
            self.found.append((self.source, data.strip()))
            self.source = None


def test_handout_has_the_numbers_of_the_tables_and_no_other():
    page = (GUIDES / "handout.html").read_text(encoding="utf-8")
    reader = Numbers()
    reader.feed(page)
    assert len(reader.found) == page.count("data-from=") > 15
    for source, shown in reader.found:
        table, row, column = source.split("|")
        assert float(shown) == load_table(table).row(row).values[column], source
    text = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", page, flags=re.DOTALL)
    bare = re.sub(r"<(\w+)[^>]*data-from=[^>]*>[^<]*</\1>|<[^>]+>|2111\.06377", "", text)
    assert not re.findall(r"\d\.\d", bare), "a number without data-from"
    assert "http" not in text, "the handout needs nothing from the network"


@pytest.mark.browser
def test_handout_prints_on_one_a4_page(tmp_path):
    sync_api = pytest.importorskip("playwright.sync_api")
    browser = next((p for p in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(p).exists()), None)
    if not browser:
        pytest.skip("no Chromium")
    with sync_api.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        page = chromium.new_page()
        page.goto((GUIDES / "handout.html").as_uri())
        printed = page.pdf(prefer_css_page_size=True)
        chromium.close()
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", printed)) == 1


RECORD = json.loads((asset_path("results") / "classroom.json").read_text())


def test_what_a_class_needs_is_what_was_measured():
    text, train, play = (
        PAGES["classroom.md"],
        RECORD["notebooks"]["06_train_one"],
        RECORD["notebooks"]["07_reconstruction"],
    )
    told = re.findall(r"^\| .+ \| ([\d,]+) (?:MB|seconds of a core) \|$", text, re.MULTILINE)
    needed = [play["kernel_mb"], play["kernel_peak_mb"], train["kernel_peak_mb"], RECORD["server_mb"]]
    needed += [train["core_seconds"], play["core_seconds"]]
    needed += [RECORD[key] for key in ("packages_mb", "packages_for_cuda_mb", "repository_mb")]
    assert told == [f"{number:,}" for number in needed]
    for key in ("command", "machine", "system", "date", "torch", "python"):
        assert str(RECORD[key]) in text, key
    one = max(train["kernel_peak_mb"], play["kernel_peak_mb"]) + RECORD["server_mb"]
    assert f"{one:,} MB together" in text
    assert f"{30 * one / 1000:.0f} GB" in text
    limit = int(re.search(r"limits.memory (\d+)G", text)[1])
    assert 1.2 * one < 1000 * limit, "the limit ends a kernel that does what the lesson asks for"
    alone = train["core_seconds"]
    assert f"{30 * alone / 8 / 60:.0f} minutes for what takes one alone {alone} seconds" in text.replace("\n  ", " ")


def test_disk_and_minutes_of_an_installation_are_those_of_the_record():
    row = re.search(r"^\| a laptop \| .*$", PAGES["environments.md"], re.MULTILINE)[0]
    for_cpu = RECORD["packages_mb"] - RECORD["packages_for_cuda_mb"]
    assert f"| {RECORD['packages_mb']:,} MB; without CUDA {for_cpu:,} MB | {RECORD['install_minutes']:.0f} |" in row


def test_hours_and_bytes_of_large_trainings_follow_from_what_they_rest_on():
    """The arithmetic of the guide, done again."""
    text = " ".join(PAGES["scale.md"].split())
    pictures, epochs, archive = 1_281_167, 800, 147.9e9
    step = {name: 3 * count_flops(PRESETS[size]).total for name, size in (("ViT-B", "base"), ("ViT-L", "large"))}
    rate = pictures * epochs / (42 * 3600)
    used = rate / 64 * step["ViT-L"] / 1e12
    assert f"{step['ViT-B'] / 1e9:.0f} GFLOP an image for ViT-B and {step['ViT-L'] / 1e9:.0f} for ViT-L" in text
    assert f"{rate:,.0f} images a second, {rate / 64:.0f} a GPU, or {used:.1f} TFLOP/s a GPU" in text
    rows = re.findall(r"^\| (ViT-.) \| (\d+) \| ([\d.]+) \| ([\d,]+) \| (\d+) \|$", PAGES["scale.md"], re.MULTILINE)
    assert len(rows) == 8
    for name, gpus, tflops, images, hours in rows:
        each = used if tflops == "13.2" else float(tflops)
        expected = int(gpus) * each * 1e12 / step[name]
        assert (images, hours) == (f"{expected:,.0f}", f"{pictures * epochs / expected / 3600:.0f}")
    size = archive / pictures
    fast = 64 * 100e12 / step["ViT-L"]
    assert f"{size / 1e3:.0f} kB each. At {rate:,.0f} images a second that is {rate * size / 1e6:.0f} MB/s" in text
    assert f"at {fast:,.0f} it is {fast * size / 1e9:.1f} GB/s" in text
    assert f"{epochs} epochs read {epochs * archive / 1e12:.0f} TB" in text
    assert f"{pictures * 3 * 320**2 / 1e9:.0f} GB **a process**" in text
    with torch.device("meta"):
        weights = sum(p.numel() for p in MAE(PRESETS["large"]).parameters())
    assert f"{round(weights, -7) // 10**6} million weights: {4 * weights / 1e9:.1f} GB of gradients" in text
    assert f"a step takes {4096 / rate:.1f} seconds" in text


def test_what_two_processes_gain_is_what_was_measured():
    record = json.loads((asset_path("results") / "bench-pretraining.json").read_text())
    one, two = (record["rows"][f"torchrun, {n} processes of 1 thread"]["images_s"] for n in (1, 2))
    text, reading = " ".join(PAGES["scale.md"].split()), record["rows"]["reading into memory, once"]["images_s"]
    assert f"at {one:.1f} images a second, two processes at {two:.1f}: {two / one:.2f} times as many" in text
    assert f"torch {record['torch']}, {record['date']}" in text
    assert f"{reading:,.0f} pictures of 224 x 224 pixels a second into memory, {reading / 2:.0f} a core" in text


# Homework


@pytest.mark.parametrize("seed", range(20))
def test_sheets_repeat_and_their_answers_can_be_had_in_another_way(seed):
    """Answers by hand, from the words of the task."""
    sheet = {question.title: question for question in homework.sheet(seed)}
    assert list(sheet.values()) == homework.sheet(seed)
    height, width, channels, p = map(int, re.findall(r"\d+", sheet["Patches"].task)[:4])
    assert sheet["Patches"].answer.startswith(f"{height * width // p**2} patches of {p * p * channels} numbers")
    side, _, percent = map(int, re.findall(r"\d+", sheet["Tokens"].task)[:3])
    visible = side * side - round(side * side * percent / 100)
    assert sheet["Tokens"].answer.startswith(f"{visible + 1} and {side * side + 1} ")
    hidden = json.loads(re.search(r"\[.*?\]", sheet["Back in order"].task)[0])
    keep = [k for k, one in enumerate(hidden) if not one]
    places = {patch: place for place, patch in enumerate(keep + [k for k, one in enumerate(hidden) if one])}
    assert f"ids_keep {keep}, ids_restore {[places[k] for k in range(7)]};" in sheet["Back in order"].answer
    truth, pred = (json.loads(x) for x in re.findall(r"\[\[.*?\]\]", sheet["The loss"].task))
    mask = json.loads(re.findall(r"mask (\[.*?\])", sheet["The loss"].task)[0])
    errors = [sum((a - b) ** 2 for a, b in zip(t, q, strict=True)) / 2 for t, q in zip(truth, pred, strict=True)]
    loss = sum(e for e, one in zip(errors, mask, strict=True) if one) / 2
    assert sheet["The loss"].answer.startswith(f"{loss:g}; over all patches {sum(errors) / 4:g}.")
    assert loss != sum(errors) / 4
    pixels = json.loads(re.search(r"\[.*?\]", sheet["Norm-pix"].task)[0])
    target = json.loads(re.search(r"\[.*?\]", sheet["Norm-pix"].answer)[0])
    assert target == pytest.approx([0.866 * (1 if x == max(pixels) else -1) for x in pixels], abs=1e-3)


def test_other_seeds_give_other_numbers_and_questions_hold_no_answer():
    first, second = homework.to_markdown(1), homework.to_markdown(2)
    assert first != second
    assert "Answer" not in first
    assert homework.to_markdown(1, answers=True).count("*Answer*") == len(homework.QUESTIONS)
    for question in homework.sheet(1):
        assert question.task in first
        assert question.answer not in first


def test_homework_is_a_command_and_its_points_are_those_of_the_rubric():
    command = [sys.executable, "-m", "mae_course.exercises.homework", "--seed", "3"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == homework.to_markdown(3).strip()
    rubric = dict(re.findall(r"^\| ([\w -]+) \| \[.* \| (\d) \|$", PAGES["homework.md"], re.MULTILINE))
    assert rubric == {question.title: str(question.points) for question in homework.sheet(3)}
