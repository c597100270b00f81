"""The graph with sentences that an LLM wrote: a method and a system beside `gold`, from the recorded answers."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from relseed.records.files import read_json_lines
from tests.conftest import copy, run, set_params

LABELS = 16
WANTED = 4  # sentences of each label
TAKEN = 2


@pytest.fixture(scope="session")
def grown(once, built, warm) -> Path:
    """The built checkout after a method and a system were added, and `dvc repro`."""
    return once("grown", lambda folder: _grow(built, folder, warm))


def _grow(built: Path, folder: Path, warm: dict[str, str]) -> None:
    copy(built, folder)
    set_params(
        folder,
        systems=["gold", "tkre"],
        methods=["one_by_one"],
        mixtures={"tkre": {"methods": ["one_by_one"], "per_relation": TAKEN}},
        generate={"per_relation": WANTED},
        pretrained=["tkre"],
        pretrain={"updates": 3, "batch_size": 4},
    )
    done = run(folder, "dvc", "repro", **warm)
    (folder / "repro.log").write_text(done.stdout + done.stderr, encoding="utf-8")
    run(folder, "git", "add", "dvc.lock", "metrics.json", "params.yaml")
    run(folder, "git", "commit", "-qm", "grown")


def metrics(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


def log(folder: Path) -> str:
    return (folder / "repro.log").read_text(encoding="utf-8")


def ids(path: Path) -> list[str]:
    return [record.get("id") or record["draft"]["id"] for _, record in read_json_lines(path)]


def drafts(folder: Path) -> list[str]:
    answers = read_json_lines(folder / "data/candidates/one_by_one.jsonl")
    return [draft["id"] for _, answer in answers for draft in answer["drafts"]]


def test_every_system_and_every_method_ends_in_the_metrics(grown):
    assert set(metrics(grown)) == {"gold", "tkre", "majority", "types_only", "random", "written"}
    assert set(metrics(grown)["written"]) == {"one_by_one"}


def test_nothing_of_gold_is_made_again_when_a_system_is_added(built, grown):
    for stage in ("ingest", "sample", "explain", "finetune@gold", "evaluate@gold"):
        assert f"Stage '{stage}' didn't change, skipping" in log(grown)
    assert metrics(grown)["gold"] == metrics(built)["gold"]


def test_every_sentence_that_was_written_is_either_kept_or_rejected(grown):
    judged = [id for folder in ("accepted", "rejected") for id in ids(grown / f"data/{folder}/one_by_one.jsonl")]
    assert len(ids(grown / "data/accepted/one_by_one.jsonl")) == LABELS * WANTED
    assert sorted(judged) == sorted(drafts(grown))
    assert metrics(grown)["written"]["one_by_one"]["drafts"] == len(judged)


def test_writing_and_checking_both_end_with_a_table_of_what_was_rejected(grown):
    tables = re.findall(r"^accepted +(\d+) +[\d.]+%$", log(grown), re.M)
    assert tables == [str(LABELS * WANTED)] * 2


def test_a_system_trains_on_its_seeds_and_on_what_its_method_wrote(grown):
    taken = ids(grown / "data/synthetic/tkre.jsonl")
    assert len(taken) == LABELS * TAKEN
    assert set(taken) <= set(ids(grown / "data/accepted/one_by_one.jsonl"))
    assert metrics(grown)["tkre"]["trained_on"] == {"real": 128, "written": len(taken)}
    assert f"trains on 128 seeds and {len(taken)} written sentences" in log(grown)


def test_a_system_starts_from_the_encoder_that_was_pre_trained_for_it(grown):
    assert "tkre starts from models/pretrained/tkre and trains on" in log(grown)
    assert "gold starts from" not in log(grown)
    evaluated = json.loads((grown / "results/evaluation/tkre.json").read_text(encoding="utf-8"))
    assert [step["update"] for step in evaluated["pretraining"]] == [1, 2, 3]
    assert "MSLM and SCL loss of tkre over updates" in (grown / "results/report.html").read_text(encoding="utf-8")


def test_the_data_card_of_a_synthetic_set_holds_the_md5_that_dvc_records(grown):
    stages = yaml.safe_load((grown / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    [md5] = [out["md5"] for out in stages["select@tkre"]["outs"] if out["path"] == "data/synthetic/tkre.jsonl"]
    assert f"`{md5}`" in (grown / "data/synthetic/tkre.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", ["accepted", "rejected"])
def test_each_line_that_a_method_wrote_fits_the_schema_beside_it(grown, folder):
    schema = json.loads((grown / f"data/{folder}/line.schema.json").read_text(encoding="utf-8"))
    for _, record in read_json_lines(grown / f"data/{folder}/one_by_one.jsonl"):
        jsonschema.validate(record, schema)


def test_the_summary_of_a_pool_fits_the_schema_beside_it(grown):
    pools = grown / "results/pools"
    summary, schema = (json.loads((pools / name).read_text()) for name in ("one_by_one.json", "pool.schema.json"))
    jsonschema.validate(summary, schema)


def test_the_page_of_sentences_holds_all_of_them(grown):
    page = (grown / "results/sentences.html").read_text(encoding="utf-8")
    assert all(id in page for id in drafts(grown))


def test_the_whole_life_of_a_sentence_can_be_told(grown):
    [id, *_] = ids(grown / "data/synthetic/tkre.jsonl")
    told = run(grown, "python", "-m", "relseed.cli", "trace", id).stdout
    assert f"sentence {id}" in told
    assert "data/accepted/one_by_one.jsonl, line" in told
    assert "data/synthetic/tkre.jsonl, line 1" in told


def test_a_second_repro_of_the_grown_graph_has_nothing_to_do(grown, tmp_path):
    assert "Data and pipelines are up to date" in run(copy(grown, tmp_path / "second"), "dvc", "repro").stdout


def test_a_clean_clone_of_the_grown_graph_finds_nothing_to_do_though_no_data_has_come_with_it(grown, tmp_path):
    run(tmp_path, "git", "clone", "-q", str(grown), "clone")
    assert "Running" not in run(tmp_path / "clone", "dvc", "repro", "--dry", "--allow-missing").stdout
