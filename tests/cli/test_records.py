"""What commands keep of what they measured."""

import json

import pytest
import torch

from mae_lite.cli import records
from mae_lite.cli.records import append_record, circumstances, differences, find_record, last_of, load_records


def test_the_newest_of_several_records_is_found(tmp_path):
    path = tmp_path / "new" / "records.jsonl"
    assert load_records(path) == []
    rows = [{"arm": "a", "seed": seed, "mse": mse} for seed, mse in ((0, 0.5), (1, 0.6), (0, 0.4))]
    for row in rows:
        append_record(path, row)
    assert load_records(path, "arm", "seed") == rows
    assert find_record(path, arm="a", seed=0) == rows[2]
    assert find_record(path, arm="b") is None
    assert last_of(rows, "arm", "seed") == [rows[2], rows[1]]
    assert differences(rows[0], rows[2], ("arm", "mse")) == "mse was 0.5, now 0.4"


@pytest.mark.parametrize("line", ["{", "[1]", "3", "", '{"arm": "a"}'])
def test_a_line_that_is_no_record_is_named(tmp_path, line):
    path = tmp_path / "records.jsonl"
    path.write_text(json.dumps({"arm": "a", "seed": 0}) + "\n" + line + "\n")
    with pytest.raises(ValueError, match="Line 2 of .* is not a record with arm and seed"):
        load_records(path, "arm", "seed")


def test_a_commit_is_told_of_the_project_alone(monkeypatch):
    """Not of another that the package happens to be installed in."""
    assert circumstances(torch.device("cpu"))["threads"] == torch.get_num_threads()
    monkeypatch.setattr(records, "ROOT", records.ROOT / "mae_lite")
    assert circumstances(torch.device("cpu"))["commit"] is None
