"""The table of arms in exported pages: groups and sorting by keyboard, and a plain table where no script runs."""

import pytest

from helpers.pages import export, notebook, opened
from helpers.records import records
from mae_course.pages.results_table import show_arms

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TABLE = ".mae-lite-table"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    nb = notebook("show_arms(records)", show_arms(records(0.4, ratio_90={"linear": 0.45})))
    return export(nb, tmp_path_factory.mktemp("export") / "table.html")


def arms(table):
    """The arms that are seen, from top to bottom."""
    return [row.locator("th").first.inner_text() for row in table.locator("tbody tr").all() if row.is_visible()]


def test_groups_are_chosen_and_headings_sort_by_keyboard(chromium, address):
    page = opened(chromium, address)
    table = page.locator(TABLE)
    everything = arms(table)
    button = table.get_by_role("button", name="mask ratio")
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    some = arms(table)
    assert some == ["default", *(f"ratio-{r}" for r in (10, 20, 30, 40, 50, 60, 70, 80, 90))]
    assert "10 of 31 rows, mask ratio and the default" in table.get_by_role("status").inner_text()
    heading = table.get_by_role("columnheader", name="ours: linear, %")
    heading.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert arms(table)[:3] == ["ratio-10", "ratio-90", "default"], "what was not run comes last"
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert arms(table)[:3] == ["default", "ratio-90", "ratio-10"], "what was not run still comes last"
    assert "largest first" in table.get_by_role("status").inner_text()
    table.get_by_role("button", name="all").click()
    assert sorted(arms(table)) == sorted(everything)
    assert page.broken == []
    page.context.close()


def test_numbers_sort_as_numbers_and_words_as_words(chromium, address):
    page = opened(chromium, address)
    table = page.locator(TABLE)
    table.get_by_role("columnheader", name="paper: change").get_by_role("button").click()
    assert arms(table)[:2] == ["ratio-10", "ratio-20"], "-18.9 is less than -9.6"
    table.get_by_role("columnheader", name="arm").get_by_role("button").click()
    assert arms(table)[:2] == ["augment-colour", "augment-fixed"]
    page.context.close()


def test_without_scripts_it_is_a_plain_table(chromium, address, tmp_path):
    path = tmp_path / "plain.html"
    path.write_text(f"<!doctype html><title>x</title>{show_arms(records(0.4)).html}")
    page = opened(chromium, path.as_uri(), java_script_enabled=False)
    table = page.locator(TABLE)
    assert table.locator("button").count() == 0
    assert len(arms(table)) == 31
    assert table.get_by_role("columnheader", name="comparable?").is_visible()
    page.context.close()


def test_a_narrow_page_scrolls_the_table_and_not_itself(chromium, address):
    page = opened(chromium, address)
    page.set_viewport_size({"width": 320, "height": 700})
    table = page.locator(TABLE)
    assert table.evaluate("e => e.getBoundingClientRect().right <= innerWidth")
    region = table.get_by_role("region", name="Table of arms")
    assert region.evaluate("e => e.scrollWidth > e.clientWidth")
    region.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    assert region.evaluate("e => e.scrollLeft") > 0, "by keyboard too"
    page.context.close()
