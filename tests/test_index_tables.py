"""The tables of the index study: what is left out where it was not measured, or of too few sentences."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import index_tables


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


@pytest.fixture
def here(tmp_path, monkeypatch) -> SimpleNamespace:
    """Results of three methods, in a folder that may get a study."""
    row = {"candidates": 9, "answered": 2, "stated": 1, "accepted": 1.0}
    means = {"template": (0.6, 20.0), "fusion": (0.4, 30.0), "blend": (0.5, 25.0)}
    rows: dict[str, Any] = {name: {**row, "index": index, "words": words} for name, (index, words) in means.items()}
    path = tmp_path / "index_study.json"
    path.write_text(json.dumps({"methods": rows}), encoding="utf-8")
    monkeypatch.setattr(index_tables, "RESULT", path)
    monkeypatch.setattr(index_tables, "FOLDER", tmp_path)
    return SimpleNamespace(folder=tmp_path)


def test_the_f1_of_methods_alone_is_left_out_where_it_was_not_measured(here):
    header, _, *rows = cells(index_tables.index_methods())
    assert header == ["method", "candidates", "stated, of those asked about", "accepted", "index", "words"]
    assert rows[0] == ["`template`", "9", "1 of 2", "1", "0.6", "20"]
    assert len(rows) == 3


def test_the_f1_of_methods_alone_comes_with_kendalls_tau_where_it_was_measured(here):
    means = {"all": 0.9, "template alone": 0.7, "fusion alone": 0.5}
    study = {"variants": {name: {"systems": {"amalrec": {"mean": mean}}} for name, mean in means.items()}}
    (here.folder / "amalrec-methods.json").write_text(json.dumps(study), encoding="utf-8")
    header, _, *rows = cells(index_tables.index_methods())
    assert header[-1] == "F1 alone"
    assert [row[-1] for row in rows] == ["70.0", "50.0", "–", "–"]
    assert rows[-1] == ["Kendall's tau with F1, 2 methods", "–", "–", "–", "+1.00", "-1.00", "–"]


def test_a_share_of_fewer_than_thirty_sentences_is_not_shown(tmp_path, monkeypatch):
    few, enough = {"sentences": 29, "stated": 29}, {"sentences": 30, "stated": 15}
    row = {"changed": 0.25, "tau": 0.5, "weak": 3, "answered": enough, "drawn": few}
    path = tmp_path / "index_study.json"
    path.write_text(json.dumps({"weights": {"tuples": 12, "variants": {"equal": row}}}), encoding="utf-8")
    monkeypatch.setattr(index_tables, "RESULT", path)
    assert cells(index_tables.index_weights())[-1] == [
        *["equal", "25.0 %", "0.50", "3 of 12", "50.0 % of 30 (33.2 to 66.8)", "–"]
    ]
