"""Studies: what they run, and what they make of it."""

import json
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from benchmarks import study
from benchmarks.study import Study, experiment, read_study, row
from relseed.evaluation.record import Prediction
from tests.conftest import ENVIRONMENT, copy, run
from tests.evaluations import evaluation
from tests.graph import ROOT

PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
STUDIES = [path.stem for path in (ROOT / "benchmarks/studies").glob("*.yaml")]


def known(change: str) -> bool:
    """Whether a change names a parameter that there is."""
    found = PARAMS
    for key in change.partition("=")[0].split("."):
        if not isinstance(found, dict) or key not in found:
            return False
        found = found[key]
    return True


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_changes_parameters_that_there_are_and_has_names_that_differ(name):
    one = read_study(name)
    assert one.system in PARAMS["systems"]
    assert [change for variant in one.variants for change in one.changes(variant, 1) if not known(change)] == []
    names = [experiment(name, variant, draw) for variant in one.variants for draw in one.draws]
    assert len(set(names)) == len(names)


def test_the_first_study_has_the_rows_of_table_3():
    rows = ["whole", "w/o EDKG", "w/o SCDG", "w/o MSLM", "w/o SCL", "w/o all"]
    assert list(read_study("tkre-table3").variants) == rows


def test_a_study_without_variants_is_refused():
    with pytest.raises(ValidationError, match="variants"):
        Study(system="tkre", common=[], draws=[1], variants={})


def said(*answers: tuple[str, ...]) -> list[Prediction]:
    gold = ("brews", "mends", "brews", "none")
    pairs = enumerate(zip(gold, answers, strict=True))
    return [Prediction(id=str(at), relation=relation, predicted=each) for at, (relation, each) in pairs]


def test_a_row_holds_every_training_s_score_their_spread_and_the_paired_difference_from_the_first():
    right = [("brews",) * 2, ("mends",) * 2, ("brews",) * 2, ("none",) * 2]
    half = [("brews", "none"), ("mends", "none"), ("none",) * 2, ("none",) * 2]
    whole, less = evaluation(predictions=said(*right)), evaluation(predictions=said(*half))
    found = row([less], [whole])
    assert found["micro_f1"] == pytest.approx([0.8, 0.0])
    assert (found["mean"], found["difference"]) == pytest.approx((0.4, -0.6))
    assert found["validation"] == 0.5  # the best look
    assert found["low"] <= found["difference"] <= found["high"] < 0
    assert (row([whole], [whole])["difference"], row([whole], [whole])["low"]) == (0, 0)


def test_a_study_is_queued_goes_on_where_it_was_runs_on_its_own_parameters_and_is_gathered(
    built, warm, tmp_path, monkeypatch, capsys
):
    folder = copy(built, tmp_path / "study")
    monkeypatch.chdir(folder)
    for name, value in (ENVIRONMENT | warm).items():
        monkeypatch.setenv(name, value)
    variants = {"as it is": [], "other": ["evaluate.seed=2"]}
    chosen = {"system": "gold", "common": [], "draws": [1], "variants": variants}
    Path("benchmarks/studies/small.yaml").write_text(yaml.safe_dump(chosen), encoding="utf-8")
    run(folder, "dvc", "exp", "run", "--queue", "--name", "small-as-it-is-draw1", "evaluate@gold")  # queued before
    study.run("small")
    shown = json.loads(run(folder, "dvc", "exp", "show", "--json").stdout)
    experiments = {one["name"]: one["revs"][0]["data"] for rev in shown for one in rev["experiments"] or []}
    seeds = {name: data["params"]["params.yaml"]["data"]["evaluate"]["seed"] for name, data in experiments.items()}
    assert seeds == {"small-as-it-is-draw1": 1, "small-other-draw1": 2}
    variants["never run"] = []
    Path("benchmarks/studies/small.yaml").write_text(yaml.safe_dump(chosen), encoding="utf-8")
    study.gather("small")
    assert "never run is left out, not run: small-never-run-draw1" in capsys.readouterr().out
    rows = json.loads(Path("benchmarks/studies/small.json").read_text(encoding="utf-8"))["variants"]
    assert rows["other"]["micro_f1"] == rows["as it is"]["micro_f1"]
    assert rows["other"]["changes"] == ["evaluate.seed=2"]
