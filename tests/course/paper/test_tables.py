"""The paper's numbers agree with each other wherever the paper prints one twice or computes one from others."""

import statistics

import pytest

from mae_course.paper.tables import list_tables, load_table

DEFAULTS = ["Table 1a", "Table 1b", "Table 1c", "Table 1d", "Table 1e", "Table 1f", "Figure 5", "Figure 7"]


def values(table, label):
    return load_table(table).row(label).values


def default_of(table):
    (row,) = [row for row in load_table(table).rows if row.default]
    return row.values


def test_all_tables_of_the_results_are_there_in_reading_order():
    names = list_tables()
    assert names[:3] == ["Section 4", "Footnote 1", "Table 1a"]
    assert [n for n in names if n.startswith("Table")] == [
        *(f"Table 1{letter}" for letter in "abcdef"), *(f"Table {n}" for n in range(2, 14))
    ]  # fmt: skip
    assert names[-4:] == ["Figure 5", "Figure 7", "Figure 9", "Seeds"]


@pytest.mark.parametrize("name", list_tables())
def test_every_table_says_what_it_is_and_where_it_was_read(name):
    table = load_table(name)
    assert table.id == name
    assert "arXiv 2111.06377" in table.source or "github.com/facebookresearch/mae" in table.source
    assert table.caption.endswith(".")
    assert all((table.title, table.setting, table.rows_are))
    labels = [row.label for row in table.rows]
    assert len(set(labels)) == len(labels) >= 2
    for column in table.columns:
        numbers = [v for v in table.column(column.name) if isinstance(v, float | int)]
        assert column.better in ("higher", "lower", None)
        assert numbers or not column.unit, f"{column.name} has a unit and no number"
        if column.unit.startswith("%"):
            assert all(-1 < v < 100 for v in numbers), "the last row of Table 7 has differences"
    assert not [row for row in table.rows if set(row.values) != {c.name for c in table.columns}]


def test_a_file_is_the_same_whenever_it_is_asked_for():
    assert load_table("Table 2") is load_table("Table 2")


@pytest.mark.parametrize("table", DEFAULTS)
def test_the_default_is_one_model_in_all_ablations(table):
    assert (default_of(table)["ft"], default_of(table)["lin"]) == (84.9, 73.5)


def test_speed_ups_are_the_hours_divided():
    hours = {row.label: row.values["hours"] for row in load_table("Table 2").rows}
    for row in load_table("Table 2").rows:
        if row.values["speedup"]:
            slow = hours[f"{row.values['encoder']} with mask tokens"]
            assert round(slow / row.values["hours"], 1) == row.values["speedup"], row.label
    assert values("Table 2", "ViT-L with mask tokens")["ft"] == values("Table 1c", "with mask tokens")["ft"]
    assert values("Table 2", "ViT-L, decoder 1")["ft"] == values("Table 1a", "1")["ft"]


def test_tokens_minus_pixels_is_their_difference():
    token, pixel, printed = (
        values("Table 7", name) for name in ("dVAE token", "pixels with norm", "token minus pixels with norm")
    )
    for name, value in printed.items():
        assert round(token[name] - pixel[name], 1) == value, name


def test_one_result_is_the_same_in_every_table_that_has_it():
    mae, pixel = values("Table 3", "MAE"), values("Table 7", "pixels with norm")
    assert [mae[k] for k in "blh"] == [pixel[f"in_{k}"] for k in "blh"]
    coco, ade = values("Table 4", "MAE"), values("Table 5", "MAE")
    assert [coco["box_b"], coco["box_l"]] == [pixel["coco_b"], pixel["coco_l"]]
    assert [ade["b"], ade["l"]] == [pixel["ade_b"], pixel["ade_l"]]
    assert values("Figure 9", "24")["moco"] == values("Table 3", "MoCo v3")["l"]
    assert values("Figure 9", "0")["mae"] == 73.5
    assert values("Figure 9", "24")["mae"] == 84.9
    four = values("Figure 9", "4")
    assert round(four["mae"] - four["moco"], 1) == 2.6


def test_what_the_text_says_of_the_curves():
    lin = load_table("Figure 5").column("lin")
    assert (min(lin), max(lin)) == (54.6, 73.5)
    assert min(load_table("Figure 5").column("ft")) > values("Section 4", "scratch, authors' recipe")["ft"]
    assert load_table("Figure 7").column("lin") == sorted(load_table("Figure 7").column("lin"))


def test_doubts_are_kept():
    assert values("Section 4", "scratch, authors' recipe")["ft"] == 82.5
    assert values("Table 3", "scratch, authors' implementation")["l"] == 82.6
    assert "82.6" in " ".join(load_table("Section 4").notes)


def test_at_vit_b_mae_is_worse_than_supervised_on_three_of_four_sets():
    worse = [
        row.label
        for row in load_table("Table 13").rows
        if (row.values["b"] > row.values["sup_b"]) == (row.values["unit"] == "error")
    ]
    assert worse == ["IN-Corruption", "IN-Rendition", "IN-Sketch"]


@pytest.mark.parametrize(("name", "mean", "std"), [("b", 83.57, 0.08), ("l", 85.87, 0.07)])
def test_seeds_give_the_mean_and_deviation_that_the_page_prints(name, mean, std):
    runs = load_table("Seeds").column(name)
    assert statistics.mean(runs) == pytest.approx(mean, abs=0.006)
    assert round(statistics.pstdev(runs), 2) == std, "the page divides by n"


def test_what_is_not_there_is_said():
    with pytest.raises(ValueError, match=r'no "Table 14".*there are Section 4'):
        load_table("Table 14")
    with pytest.raises(ValueError, match=r'Table 1a has no row "3"; it has 1, 2, 4, 8, 12'):
        load_table("Table 1a").row("3")
    with pytest.raises(ValueError, match='no column "top5"; it has ft, lin'):
        load_table("Table 1a").column("top5")
