"""Tables as HTML: everything is there without scripts, nothing is loaded, numbers sort as numbers."""

import re
from html.parser import HTMLParser

import pytest

from helpers.records import records
from mae_course.pages.results_table import show_arms, show_findings, show_paper_table, show_paper_tables
from mae_course.paper.claims import NOT_SEEN, judge
from mae_course.paper.results import compare_arms
from mae_course.paper.tables import Column, PaperRow, PaperTable, list_tables, load_table


class Page(HTMLParser):
    """The rows of all tables of a page as lists of (text, key), and how often each tag was opened."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.tags, self.cell = [], [], None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append(["", dict(attrs).get("data-key")])
            self.cell = self.rows[-1][-1]

    def handle_endtag(self, tag):
        self.cell = None if tag in ("td", "th") else self.cell

    def handle_data(self, data):
        if self.cell is not None:
            self.cell[0] += data


def texts(row):
    return [text for text, _ in row]


def test_a_table_of_the_paper_has_all_of_it():
    shown = show_paper_table(load_table("Table 1c"))
    rows = [texts(row) for row in Page(shown.html).rows]
    assert rows[0] == ["encoder", "fine-tuned, % top-1", "linear probe, % top-1", "FLOPs, x"]
    assert rows[1:] == [
        ["with mask tokens", "84.2", "59.6", "3.3"],
        ["without mask tokens (default)", "84.9", "73.5", "1.0"],
    ]
    for words in ("Table 1c. Mask token", "Setting: ViT-L/16", "Source: arXiv 2111.06377"):
        assert words in shown.html
    assert shown.alt.splitlines()[2].split() == ["with", "mask", "tokens", "84.2", "59.6", "3.3"]


def test_dashes_stay_dashes_and_doubts_are_shown():
    html = show_paper_table(load_table("Table 3")).html
    assert texts(Page(html).rows[2])[-3:] == ["–", "–", "–"]
    assert "82.5 in section 4" in html


def test_all_tables_are_folded_under_their_numbers():
    names = list_tables()
    shown = show_paper_tables([load_table(name) for name in names])
    assert Page(shown.html).tags.count("details") == len(names)
    assert re.findall(r"<summary>(.*?):", shown.html) == names


def test_every_arm_has_a_row_and_what_was_not_run_says_so():
    page = Page(show_arms(records(0.4)).html)
    arms = compare_arms(records(0.4))
    assert [texts(row)[0] for row in page.rows[1:]] == [one.arm for one in arms]
    rows = {texts(row)[0]: dict(zip(texts(page.rows[0]), row, strict=True)) for row in page.rows[1:]}
    assert rows["default"]["ours: linear, %"][0] == "50.0 ± 1.0 (3)"
    text, key = rows["ratio-10"]["ours: change"]
    assert (text, float(key)) == ("-10.0", pytest.approx(-10))
    assert rows["ratio-10"]["paper: change"][0] == "-18.9"
    assert rows["ratio-20"]["ours: linear, %"] == ["not run", None], "no key: it sorts to the end"


def test_what_is_smaller_than_the_noise_is_marked():
    for arm, expected in ((0.49, "-1.0 ~"), (0.47, "-3.0")):
        row = next(row for row in Page(show_arms(records(arm)).html).rows if texts(row)[0] == "ratio-10")
        assert texts(row)[5] == expected


def test_columns_of_fine_tuning_only_where_there_is_some():
    assert "ours: fine-tuned" not in show_arms(records()).html
    assert "ours: fine-tuned" in show_arms(records(loss_all_patches={"finetune": 0.3})).html


def test_findings_are_told_in_words_for_each_metric():
    findings = {"linear probe": judge(records(0.6)), "kNN": judge(records(0.6), "knn")}
    rows = [texts(row) for row in Page(show_findings(findings).html).rows]
    assert rows[0] == ["the paper's claim", "linear probe", "kNN", "numbers (linear probe)"]
    assert len(rows) == 1 + len(findings["kNN"])
    tested = [one.status for one in findings["linear probe"]]
    assert [row[1].split(" ", 1)[1] for row in rows[1:]] == tested
    assert tested[0] == NOT_SEEN, "hiding 10 % is ten points better here"
    assert rows[1][2] == "○ not measured", "the default has no kNN"


def test_nothing_is_loaded_from_elsewhere_and_the_page_is_the_same_each_time():
    shown = show_arms(records(0.4))
    assert shown.html == show_arms(records(0.4)).html
    assert not re.search(r"https?:|//cdn|@import|url\(|<link|<iframe|\bimport\b", shown.html)
    bundle = shown._repr_mimebundle_()
    assert bundle == {"text/html": shown.html, "text/plain": shown.alt}


@pytest.mark.parametrize("text", ["</table><b>", 'a "b" & c', "<script>alert(1)</script>"])
def test_no_text_breaks_out(text):
    table = PaperTable(
        "Table 0",
        text,
        text,
        text,
        text,
        text,
        (Column("x", text, text, None),),
        (PaperRow(text, {"x": text}, True),),
        (text,),
    )
    page = Page(show_paper_tables([table]).html)
    assert not {"b", "script"} & set(page.tags)
    assert texts(page.rows[1]) == [f"{text} (default)", text]
