"""The graph with examples that LLMs wrote: methods, a criterion, a training set and systems beside `gold`."""

import json
import re
from pathlib import Path

import pytest
import yaml

from relseed.records.files import read_json_lines
from tests.conftest import copy, run

SEEDS = 128
LABELS = 16
WANTED = 4  # accepted examples of each label
METHODS = {"one_by_one", "creator", "untuned", "tuned", "template", "reasoned", "t5"}


def metrics(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


def log(folder: Path) -> str:
    return (folder / "repro.log").read_text(encoding="utf-8")


def ids(path: Path) -> list[str]:
    return [record.get("id") or record["candidate"]["id"] for _, record in read_json_lines(path)]


def candidates(folder: Path, method: str) -> list[str]:
    exchanges = read_json_lines(folder / f"data/candidates/{method}.jsonl")
    return [candidate["id"] for _, exchange in exchanges for candidate in exchange["candidates"]]


def test_every_system_and_every_method_ends_in_the_metrics(grown):
    assert set(metrics(grown)) == {
        "gold",
        "diverse",
        "tkre",
        "majority",
        "types_only",
        "random",
        "methods",
        "labellers",
    }
    assert set(metrics(grown)["methods"]) == METHODS
    assert set(metrics(grown)["labellers"]) == {"llm_zero", "llm_knn", "llm_scored"}


def test_nothing_of_gold_is_made_again_when_methods_and_systems_are_added(built, grown):
    for stage in ("ingest", "sample", "encoder", "finetune@gold", "evaluate@gold"):
        assert f"Stage '{stage}' didn't change, skipping" in log(grown)
    assert metrics(grown)["gold"] == metrics(built)["gold"]


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_candidate_is_either_accepted_or_rejected(grown, method):
    judged = [id for folder in ("accepted", "rejected") for id in ids(grown / f"data/{folder}/{method}.jsonl")]
    assert sorted(judged) == sorted(candidates(grown, method))
    assert metrics(grown)["methods"][method]["candidates"] == len(judged)


def test_a_method_writes_as_many_accepted_examples_as_its_entry_wants(grown):
    assert len(ids(grown / "data/accepted/one_by_one.jsonl")) == LABELS * WANTED


def test_generate_and_filter_both_end_with_a_table_of_what_was_rejected(grown):
    tables = re.findall(r"^accepted +(\d+) +[\d.]+%$", log(grown), re.M)
    assert tables.count(str(LABELS * WANTED)) == 2


def test_every_accepted_example_has_a_score_of_every_criterion(grown):
    scored_methods = sorted(METHODS - {"creator"})  # which the entry of the criterion does not name
    accepted = [id for method in scored_methods for id in ids(grown / f"data/accepted/{method}.jsonl")]
    scored = [record["example"]["id"] for _, record in read_json_lines(grown / "data/scores/accuracy.jsonl")]
    assert sorted(scored) == sorted(accepted)


def test_a_training_set_takes_written_examples_that_were_accepted_and_reach_the_least_score(grown):
    taken = [id for id in ids(grown / "data/training/diverse.jsonl") if "/" in id]
    scores = {
        record["example"]["id"]: record["score"] for _, record in read_json_lines(grown / "data/scores/accuracy.jsonl")
    }
    assert taken
    assert [id for id in taken if id.startswith("tuned/") and scores[id] < 0.7] == []


def test_a_system_trains_on_the_training_set_that_its_entry_names(grown):
    [*_, examples] = zip(*read_json_lines(grown / "data/training/diverse.jsonl"), strict=True)
    assert metrics(grown)["tkre"]["trained_on"] == {"real": SEEDS, "written": len(examples) - SEEDS}
    assert f"trains on {len(examples)} examples: {SEEDS} seeds, {len(examples) - SEEDS} one_by_one" in log(grown)


def test_a_system_starts_from_the_encoder_that_was_pre_trained_for_it(grown):
    evaluated = json.loads((grown / "results/measured/systems/tkre.json").read_text(encoding="utf-8"))
    assert [step["step"] for step in evaluated["pretraining"]] == [1, 2, 3]
    assert "MSLM and SCL loss of tkre over steps" in (grown / "results/report.html").read_text(encoding="utf-8")


def test_the_data_card_of_a_training_set_holds_the_md5_that_dvc_records(grown):
    stages = yaml.safe_load((grown / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    [md5] = [out["md5"] for out in stages["select@diverse"]["outs"] if out["path"] == "data/training/diverse.jsonl"]
    assert f"`{md5}`" in (grown / "data/training/diverse.md").read_text(encoding="utf-8")


def test_the_page_of_a_method_holds_all_of_its_candidates(grown):
    page = (grown / "results/examples/one_by_one.html").read_text(encoding="utf-8")
    assert [id for id in candidates(grown, "one_by_one") if id not in page] == []


def test_an_example_can_be_traced_from_its_request_to_its_training_set(grown):
    id = next(id for id in ids(grown / "data/training/diverse.jsonl") if id.startswith("one_by_one/"))
    trace = run(grown, "python", "-m", "relseed.cli", "trace", id).stdout
    assert id in trace
    assert "data/accepted/one_by_one.jsonl, line" in trace
    assert "data/training/diverse.jsonl, line" in trace


def test_a_second_repro_of_the_grown_graph_has_nothing_to_do(grown, tmp_path):
    assert "Data and pipelines are up to date" in run(copy(grown, tmp_path / "second"), "dvc", "repro").stdout


def test_a_clean_clone_of_the_grown_graph_finds_nothing_to_do_though_no_data_has_come_with_it(grown, tmp_path):
    run(tmp_path, "git", "clone", "-q", str(grown), "clone")
    assert "Running" not in run(tmp_path / "clone", "dvc", "repro", "--dry", "--allow-missing").stdout
