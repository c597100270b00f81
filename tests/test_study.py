"""Studies: what they run, and what they make of it."""

import json
from pathlib import Path

import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from pydantic import ValidationError

from benchmarks import study
from benchmarks.study import Study, experiment, labeller_rows, read_study, row
from relseed.evaluation.record import Prediction
from relseed.evaluation.system import System
from relseed.generation.method import loop_of
from relseed.generation.training_set import TrainingSet
from relseed.labelling.labeller import read_labeller
from relseed.labelling.record import LLMLabel
from relseed.pipeline.params import Params
from relseed.pretraining.trainer import PretrainingConfig
from stages.finetune import Finetune
from tests.conftest import ENVIRONMENT, copy, run
from tests.evaluations import evaluation
from tests.graph import PARAMS, ROOT

STUDIES = sorted(path.stem for path in (ROOT / "benchmarks/studies").glob("*.yaml"))
VARIANTS = [(name, variant) for name in STUDIES for variant in read_study(name).variants]


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_of_systems_that_there_are_and_its_experiments_have_names_that_differ(name):
    chosen = read_study(name)
    assert set(chosen.systems) <= set(PARAMS["systems"])
    names = [experiment(name, variant, draw) for variant in chosen.variants for draw in chosen.draws]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_the_changes_of_a_variant_are_of_parameters_that_there_are_and_leave_what_stages_take(name, variant, tmp_path):
    changes = [
        study.with_environment(change, {"SEMEVAL": "/semeval", "CROSSRE": "/crossre"})
        for change in read_study(name).changes(variant, 2)
    ]
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(PARAMS), encoding="utf-8")
    apply_overrides(path, changes)
    params = Params.read(path)
    assert params.value("sample.seed") == 2
    params.section("finetune", Finetune)
    for mapping, kind in (("systems", System), ("training_sets", TrainingSet), ("encoders", PretrainingConfig)):
        for entry in params.names(mapping):
            params.section(f"{mapping}.{entry}", kind)
    for entry in params.names("methods"):
        params.section(f"methods.{entry}", loop_of(params, entry).Settings)
    for entry in params.names("labellers"):
        read_labeller(params, entry)
    assert set(read_study(name).labellers) <= set(params.names("labellers"))


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "benchmarks/studies").glob("*.json")))
def test_every_row_of_a_result_has_the_systems_of_its_study_and_the_commit_that_could_run_it(name):
    measured = json.loads((ROOT / f"benchmarks/studies/{name}.json").read_text(encoding="utf-8"))
    for variant in measured["variants"].values():
        assert list(variant["systems"]) == read_study(name).systems
        assert variant["commit"]


def test_the_study_of_table_3_has_its_rows():
    rows = ["whole", "w/o EDKG", "w/o SCDG", "w/o MSLM", "w/o SCL", "w/o all"]
    assert list(read_study("tkre-table3").variants) == rows


@pytest.mark.parametrize("empty", ["variants", "systems", "draws"])
def test_a_study_without_variants_systems_or_draws_is_an_error(empty):
    values = {"systems": ["tkre"], "common": [], "draws": [1], "variants": {"whole": []}}
    with pytest.raises(ValidationError, match=empty):
        Study.model_validate(values | {empty: type(values[empty])()})


def test_a_change_takes_values_from_the_environment():
    assert study.with_environment("ingest.path=${DATA}", {"DATA": "/data"}) == "ingest.path=/data"


def test_a_variable_of_the_environment_that_is_missing_ends_with_its_name():
    with pytest.raises(SystemExit, match="needs the environment variable DATA: set it"):
        study.with_environment("ingest.path=${DATA}", {})


GOLD = ("brews", "mends", "brews", "none")
RIGHT = [("brews",) * 2, ("mends",) * 2, ("brews",) * 2, ("none",) * 2]
HALF = [("brews", "none"), ("mends", "none"), ("none",) * 2, ("none",) * 2]


def predicted(labels: list[tuple[str, ...]], gold: tuple[str, ...] = GOLD) -> list[Prediction]:
    pairs = enumerate(zip(gold, labels, strict=True))
    return [
        Prediction(id=str(at), label=label, predicted=each, probability=(0.5,) * len(each))
        for at, (label, each) in pairs
    ]


def test_a_row_holds_the_score_of_every_training_their_spread_and_the_paired_difference_from_the_reference():
    whole, less = evaluation(predictions=predicted(RIGHT)), evaluation(predictions=predicted(HALF))
    found = row([less], [whole])
    assert found["micro_f1"] == pytest.approx([0.8, 0.0])
    assert (found["mean"], found["difference"]) == pytest.approx((0.4, -0.6))
    assert found["validation"] == 0.25  # of the evaluation that is kept
    assert found["low"] <= found["difference"] <= found["high"] < 0
    assert (row([whole], [whole])["difference"], row([whole], [whole])["low"]) == (0, 0)


def test_a_row_holds_all_scores_and_baselines_of_each_draw():
    right = evaluation(predictions=predicted(RIGHT))
    found = row([right], [right])["draws"]["3"]
    assert found["hash"] == "0123456789ab"
    assert found["scores"]["micro_f1"] == {"mean": 0.651, "std": 0.012, "low": 0.61, "high": 0.69}
    assert found["baselines"]["majority"] == {"micro_f1": {"mean": 0.125, "std": 0.0}}


def test_a_labeller_is_scored_on_each_draw_beside_the_systems():
    right = evaluation(predictions=predicted(RIGHT))
    answers = [
        LLMLabel(
            id=str(at), label=label, predicted="mends", answer="x", prompt_tokens=9, completion_tokens=1, counted=True
        )
        for at, label in enumerate(GOLD)
    ]
    found = labeller_rows({"llm_zero": [answers]}, {"gold": [right]})["llm_zero"]["draws"]["3"]
    assert (found["items"], found["micro_f1"]["mean"]) == (4, pytest.approx(2 / 7))
    assert found["beside"]["gold"]["micro_f1"] == 1.0


def test_scores_on_other_test_examples_have_no_difference():
    here = evaluation(predictions=predicted(RIGHT))
    elsewhere = evaluation(predictions=predicted(RIGHT, gold=("mends", *GOLD[1:])))
    assert row([elsewhere], [here]).keys().isdisjoint({"difference", "low", "high"})


def test_a_study_is_queued_resumes_runs_on_its_own_parameters_and_is_gathered(
    built, warm, tmp_path, monkeypatch, capsys
):
    folder = copy(built, tmp_path / "study")
    monkeypatch.chdir(folder)
    for name, value in (ENVIRONMENT | warm).items():
        monkeypatch.setenv(name, value)
    variants = {"as it is": [], "other": ["evaluate.seed=2"]}
    chosen = {"systems": ["gold"], "common": [], "draws": [1], "variants": variants}
    path, result = Path("benchmarks/studies/small.yaml"), Path("benchmarks/studies/small.json")
    path.write_text(yaml.safe_dump(chosen), encoding="utf-8")
    run(folder, "dvc", "exp", "run", "--queue", "--name", "small-as-it-is-draw1", "evaluate@gold")  # queued before
    study.run("small")
    shown = json.loads(run(folder, "dvc", "exp", "show", "--json").stdout)
    experiments = {found["name"]: found["revs"][0]["data"] for rev in shown for found in rev["experiments"] or []}
    seeds = {name: data["params"]["params.yaml"]["data"]["evaluate"]["seed"] for name, data in experiments.items()}
    assert seeds == {"small-as-it-is-draw1": 1, "small-other-draw1": 2}
    variants["never run"] = []
    path.write_text(yaml.safe_dump(chosen, sort_keys=False), encoding="utf-8")
    result.write_text(json.dumps({"variants": {"older": {"commit": "abc1234"}}}), encoding="utf-8")
    study.gather("small")
    assert "never run is left out, not run: small-never-run-draw1" in capsys.readouterr().out
    rows = json.loads(result.read_text(encoding="utf-8"))["variants"]
    assert list(rows) == ["as it is", "other", "older"]
    assert rows["other"]["systems"]["gold"]["micro_f1"] == rows["as it is"]["systems"]["gold"]["micro_f1"]
    assert rows["other"]["changes"] == ["evaluate.seed=2"]
    assert rows["other"]["commit"] == run(folder, "git", "rev-parse", "--short", "HEAD").stdout.strip()
