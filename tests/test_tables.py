"""The tables of the benchmarks: every file of results has one, and says what can no longer be run."""

import json
from functools import partial

import pytest
import yaml

from benchmarks import creator_tables, index_tables, llm_tables, scale_tables, study, tables, verified
from tests.graph import ROOT

TABLES = {
    "gold": tables.gold,
    "baselines": tables.baselines,
    "written": tables.written,
    "probe": tables.probe,
    "tuned": tables.tuned,
    "tuned_settings": tables.tuned_settings,
    "finetune": tables.finetune,
    "savings": tables.savings,
    "hardware": tables.hardware,
    "generate": tables.generate,
    "predict": tables.predict,
    "scale": scale_tables.scale,
    "random_seeds": tables.random_seeds,
    "itself": llm_tables.itself,
    "smollm2": llm_tables.smollm2,
    "decode": llm_tables.decode,
    "stated": verified.stated,
    "ranked": verified.ranked,
    "index_stated": index_tables.index_stated,
    "index_methods": index_tables.index_methods,
    "index_weights": index_tables.index_weights,
    "index_fitted": index_tables.index_fitted,
    "index_correlations": index_tables.index_correlations,
    "strategies": creator_tables.strategies,
    "recorded_strategies": creator_tables.recorded_strategies,
    "firsts": creator_tables.firsts,
    "question_transfer": creator_tables.question_transfer,
    "devoid": creator_tables.devoid,
    "transfer": creator_tables.transfer,
    "creator_quiz": partial(creator_tables.questions, "creator-quiz"),
    **tables.STUDIES,
}
ROW = {"real": 8, "written": 4, "micro_f1": [0.5], "mean": 0.5, "std": 0.0}


@pytest.fixture(autouse=True)
def here(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("name", TABLES)
def test_every_file_of_results_makes_a_table_whose_rows_are_as_long_as_its_header(name):
    header, _, *rows = [line.count("|") for line in TABLES[name]().splitlines()]
    assert rows
    assert set(rows) == {header}


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A study of one variant whose result has another beside it, which it no longer has."""
    variants = {"first": [], "second": []}
    chosen = {"systems": ["gold"], "common": [], "draws": [1], "variants": variants}
    second = ROW | {"difference": -0.02, "low": -0.03, "high": 0.01}
    rows = {"first": ROW | {"difference": 0.0, "low": 0.0, "high": 0.0}, "second": second, "older": ROW}
    measured = {name: {"commit": "abc1234", "changes": [], "systems": {"gold": row}} for name, row in rows.items()}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(chosen), encoding="utf-8")
    (tmp_path / "small.json").write_text(json.dumps({"draws": [1], "variants": measured}), encoding="utf-8")
    for module in (study, tables):
        monkeypatch.setattr(module, "FOLDER", tmp_path)
    lines = tables.study(["small"], "variant", "the first").splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_a_difference_from_the_first_variant_has_its_interval_and_the_first_has_none(small):
    assert [row[-1] for row in small] == ["–", "-2.0 (-3.0 to +1.0)", "–"]


def test_a_variant_that_the_study_no_longer_has_is_marked_with_the_commit_that_could_run_it(small):
    assert [row[0] for row in small] == ["first", "second", "older (at abc1234)"]


def test_what_a_user_may_rely_on_is_said_in_two_sentences_with_what_was_measured(tmp_path, monkeypatch):
    scores = {"micro_precision": {"mean": 0.91}, "micro_recall": {"mean": 0.82}}
    wire = {"wire_negatives_found": {"mean": 0.8}, "wire_recall": {"mean": 0.4}, "wire_precision": {"mean": 0.3}}
    reliability = {"negatives_share": 0.21, "calibration_error": {"mean": 0.034}, **wire}
    rows = {"careful": ROW | {"draws": {"1": {"scores": scores, "reliability": reliability}}}}
    (tmp_path / "systems.yaml").write_text((ROOT / "benchmarks/studies/systems.yaml").read_text(), encoding="utf-8")
    (tmp_path / "systems.json").write_text(
        json.dumps({"variants": {"as they are": {"systems": rows}}}), encoding="utf-8"
    )
    for module in (study, tables):
        monkeypatch.setattr(module, "FOLDER", tmp_path)
    text = tables.reliance()
    first, second = text.split(". ")
    assert "where 21 of 100 pairs state nothing, rely on `careful` to be right in 91 of 100 assertions" in first
    assert "to find 82 of 100 statements" in first
    assert "off by 3 points on average" in first
    assert "it leaves 80 of 100 of those alone, finds 40 of 100 statements, and is right in 30 of 100" in second
