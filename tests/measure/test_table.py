"""A table as text, by hand."""

from mae_lite.measure.table import text_table


def test_columns_are_as_wide_as_their_widest_cell():
    rows = [("model", "MSE", "where"), ("harmonic", 0.5, "here"), ("nearest", 10, "")]
    assert text_table(rows, "<><").splitlines() == ["model     MSE  where", "harmonic  0.5  here", "nearest    10"]


def test_the_last_sign_holds_for_all_that_follow():
    assert text_table([("a", "b", "c"), ("aa", "bb", "cc")]) == "a    b   c\naa  bb  cc"
    assert text_table([("a", "b", "c"), ("aa", "bb", "cc")], "<") == "a   b   c\naa  bb  cc"
