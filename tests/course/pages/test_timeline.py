import html
import re

from mae_course.pages.timeline import WORKS, Timeline

TEXT = html.unescape(re.sub("<[^>]*>", "", Timeline().to_html()))


def test_works_are_in_order_and_each_once():
    assert [work.year for work in WORKS] == sorted(work.year for work in WORKS)
    assert len({work.name for work in WORKS}) == len(WORKS) == 9
    assert [TEXT.index(f"· {work.name}") for work in WORKS] == sorted(TEXT.index(f"· {work.name}") for work in WORKS)


def test_cards_say_everything_without_a_script_or_a_network():
    page = Timeline().to_html()
    for work in WORKS:
        for part in (work.hides, work.predicts, work.network, work.why, work.authors):
            assert part in TEXT
    assert "<script" not in page
    assert "src=" not in page
    assert page.count("<details") == page.count("<summary") == len(WORKS), "a card unfolds by keyboard by itself"


def test_kind_is_said_in_words_beside_the_colour():
    assert all(f"{work.name} ({work.field})" in TEXT for work in WORKS)


def test_links_are_cited_as_readers_do():
    cited = dict(re.findall(r'<a href="(https://[^"]+)">([^<]+)</a>', Timeline().to_html()))
    assert cited["https://arxiv.org/abs/1810.04805"] == "arXiv 1810.04805"
    assert set(cited) == {work.link for work in WORKS}
    assert all(re.fullmatch(r"https://arxiv.org/abs/\d{4}\.\d{5}", x) for x in cited if "arxiv" in x)


def test_plain_text_has_a_line_for_each():
    assert len(Timeline()._repr_mimebundle_()["text/plain"].splitlines()) == len(WORKS)
