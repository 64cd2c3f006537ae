"""Tables, scripts and data of a page: no text breaks out, and what is bold is what was asked for."""

import json
import re

import pytest

from mae_lite.show import flipbook
from mae_lite.show.html import Html, inline, table

TEXT = '</script></td><b> & "x"'


def test_a_page_is_its_html_and_its_words():
    assert Html("<p>a</p>", "a")._repr_mimebundle_() == {"text/html": "<p>a</p>", "text/plain": "a"}


def test_a_script_comes_behind_the_shared_one_and_its_data_before():
    data, code = re.findall(r"<script.*?>(.*?)</script>", inline(flipbook.__file__, [TEXT]), re.DOTALL)
    assert json.loads(data) == [TEXT]
    assert code.index("const make = ") < code.index('fresh("flipbook")')
    assert inline(flipbook.__file__).count("<script") == 1, "no data, no place for it"


@pytest.mark.parametrize(("bold", "weights"), [(None, [None] * 4), ({1}, ["normal"] * 2 + ["bold"] * 2)])
def test_a_table_escapes_its_texts_and_makes_bold_what_is_said(bold, weights):
    rows = [["a", TEXT], ["b", "c"]]
    page = table([TEXT, "y"], rows, caption=TEXT, styles=["", ";color:red"], bold=bold, rows_are=["", " data-x"])
    assert page.count("&lt;/td&gt;&lt;b&gt; &amp; &quot;x&quot;") == 3
    cells = re.findall(r"<(t[hd])( scope=\"row\"| )? ?style=\"(.*?)\">", page.split("<tbody>")[1])
    assert [tag for tag, _, _ in cells] == ["th", "td", "th", "td"]
    found = [re.search("font-weight:(.*)", style) for _, _, style in cells]
    assert [weight and weight[1] for weight in found] == weights
    assert ["color:red" in style for _, _, style in cells] == [False, True] * 2
    assert page.count("<tr data-x>") == 1
