"""The claim board in exported pages: chosen by topic and by our run, by keyboard and mouse; all without scripts."""

import pytest

from helpers.pages import export, notebook, opened
from helpers.records import records
from mae_course.pages.claim_board import load_claims, show_board, standing

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RECORDS = records(0.4)
CLAIMS = load_claims()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    return export(notebook("show_board(records)", show_board(RECORDS)), tmp_path_factory.mktemp("export") / "b.html")


def seen(board):
    """The names on the cards that are seen."""
    cards = board.locator("[data-topic]").all()
    return [card.locator("b").first.inner_text().split(" ", 1)[1] for card in cards if card.is_visible()]


def test_two_rows_of_buttons_choose_together(chromium, address):
    page = opened(chromium, address)
    board = page.locator(".mae-lite-board")
    topics = board.get_by_role("group", name="claims to show, by topic")
    runs = board.get_by_role("group", name="claims to show, by our run")
    status = board.get_by_role("status")
    assert seen(board) == [claim.name for claim in CLAIMS]
    assert status.inner_text() == f"{len(CLAIMS)} of {len(CLAIMS)} claims"
    topic = CLAIMS[-1].topic
    button = topics.get_by_role("button").filter(has_text=topic)
    button.focus()
    page.keyboard.press("Enter")
    some = [claim for claim in CLAIMS if claim.topic == topic]
    assert seen(board) == [claim.name for claim in some] != [claim.name for claim in CLAIMS]
    assert button.get_attribute("aria-pressed") == "true"
    assert topics.get_by_role("button", name="all").get_attribute("aria-pressed") == "false"
    assert status.inner_text() == f"{len(some)} of {len(CLAIMS)} claims, {topic}"
    run = standing(some[0], RECORDS).status
    runs.get_by_role("button").filter(has_text=run).click()
    both = [claim.name for claim in some if standing(claim, RECORDS).status == run]
    assert seen(board) == both
    assert status.inner_text() == f"{len(both)} of {len(CLAIMS)} claims, {topic}, {run}"
    topics.get_by_role("button", name="all").click()
    assert seen(board) == [claim.name for claim in CLAIMS if standing(claim, RECORDS).status == run]
    assert all(one.get_attribute("data-lm-suppress-shortcuts") for one in board.get_by_role("button").all())
    assert page.broken == []
    page.context.close()


def test_without_scripts_every_card_is_there(chromium, address):
    page = opened(chromium, address, java_script_enabled=False)
    board = page.locator(".mae-lite-board")
    assert seen(board) == [claim.name for claim in CLAIMS]
    assert board.get_by_role("button").count() == 0
    page.context.close()
