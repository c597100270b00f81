"""What stages depend on is what they use: compared with the files, parameters and fields that they really opened."""

import importlib
import json
import re
from pathlib import Path

import pytest
from dvc.stage import PipelineStage

from relseed.pipeline.params import Section
from tests.graph import PARAMS, ROOT, code, covers, downstream, params_of, pipeline, verb
from tests.warm.server import field

STAGES = pipeline()
VERBS = sorted({verb(stage) for stage in STAGES})
# What no result depends on: it shows a run and starts it, or brings a response whose text the request decides.
FRAME = ["relseed/pipeline", "relseed/tracking", "relseed/llm/engines"]
# Sections some of whose fields are for engines, prices and loops that the grown checkout has not.
UNUSED_BY_DEFAULT = {
    "relseed.criteria.complexity.Settings",
    "relseed.criteria.fluency.Settings",
    "relseed.criteria.grammar.Settings",
    "relseed.llm.engines.openai.Limits",
    "relseed.llm.engines.openai.Openai",
    "relseed.llm.engines.vllm.Vllm",
    "relseed.methods.paraphrase.Settings",
    "relseed.llm.prices.Prices",
    "relseed.methods.all_at_once.Settings",
    "relseed.methods.negatives.Settings",
    "relseed.methods.passages.Settings",
    "relseed.methods.rule_made.Settings",
    "relseed.methods.self_reference.Settings",
    "relseed.pipeline.workers.Workers",
    "relseed.ranking.settings.Ranking",
    "relseed.tuples.ntriples.Settings",
    "relseed.tuples.source.TuplesSettings",
    "relseed.tuples.wikidata.Columns",
    "relseed.tuples.wikidata.Settings",
}
# Folders of modules that are found by name, where DVC cannot say which: it does not nest `${a.${b}}`.
FAMILIES = {
    "relseed/tasks/relation",
    "relseed/classifier/heads",
    "relseed/classifier/losses",
    "relseed/criteria",
    "relseed/datasets",
    "relseed/tuples",
}


# What scores blends, of which the tiny model of the grown checkout writes none that passes.
OF_BLENDS = ["relseed/classifier", "relseed/evaluation", "relseed/training"]
MADE_BY_TRAINED_MODELS = ("untuned", "tuned", "t5_tuned", "flan_t5_tuned", "bart_tuned")
# What the head genpt is built with; the grown checkout has another head, and DVC cannot name it for one head alone.
OF_ONE_HEAD = {"relseed/training/masked_lm.py"}
# What a loop finds similar examples with, if it is to; that of the grown checkout is not.
OF_ONE_LOOP = {"relseed/quality/embeddings.py"}
# What datasets are read with whose mentions are tags or tokens; those of the grown checkout are offsets.
OF_OTHER_DATA = {"relseed/tasks/relation/tags.py"}


@pytest.fixture(scope="module")
def traced(grown) -> dict[str, dict[str, list[str]]]:
    """What each stage of the grown checkout used, by its name."""
    found = (grown / ".scratch/traced").glob("*.json")
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in found}


@pytest.fixture(scope="module")
def ran(grown) -> dict[str, PipelineStage]:
    """The stages of the grown checkout as its parameters have them, by their names."""
    return {stage.name: stage for stage in pipeline(grown)}


def used(traced, name: str) -> dict[str, set[str]]:
    """What the stages of a verb used: files that hold code, names in params.yaml."""
    stages = [found for stage, found in traced.items() if stage.partition("@")[0] == name]
    assert stages, f"the grown checkout runs no {name}"
    files = {file for found in stages for file in found["files"] if not covers(FRAME, file) and holds_code(file)}
    return {"files": files, "params": {param for found in stages for param in found["params"]}}


def holds_code(file: str) -> bool:
    """Whether a file is more than a docstring."""
    text = (ROOT / file).read_text(encoding="utf-8").strip()
    return not (
        file.endswith("__init__.py") and text.startswith('"""') and text.endswith('"""') and text.count('"""') == 2
    )


@pytest.mark.parametrize("name", VERBS)
def test_a_stage_depends_on_every_file_of_code_that_it_opens(traced, ran, name):
    for stage, found in traced.items():
        if stage.partition("@")[0] == name:
            needed = [file for file in found["files"] if not covers(FRAME, file) and holds_code(file)]
            assert [file for file in needed if not covers(code(ran[stage]), file)] == []


@pytest.mark.parametrize("name", VERBS)
def test_a_stage_depends_on_no_code_that_it_does_not_open(traced, ran, name):
    opened = used(traced, name)["files"]
    stages = [ran[stage] for stage in traced if stage.partition("@")[0] == name]
    unopened = OF_ONE_HEAD | {"ingest": OF_OTHER_DATA, "generate": OF_ONE_LOOP}.get(name, set())
    for path in {path for stage in stages for path in code(stage)} - unopened:
        if name == "rank" and covers(OF_BLENDS, path):
            continue
        if (ROOT / path).is_file():
            assert path in opened
        else:
            inside = {file.relative_to(ROOT).as_posix() for file in files_in(ROOT / path)}
            assert inside <= opened or (path in FAMILIES and inside & opened), path


def files_in(folder: Path) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return [path for path in files if holds_code(path.relative_to(ROOT).as_posix())]


@pytest.mark.parametrize("name", [verb for verb in VERBS if verb != "report"])
def test_a_stage_lists_exactly_the_parameters_that_it_reads(traced, ran, name):
    for stage, found in traced.items():
        if stage.partition("@")[0] == name:
            read, listed = (
                set(found["params"])
                - {"budget", "engines.batch", "engines.seq2seq", "engines.transformers", "workers"},
                params_of(ran[stage]),
            )
            assert {
                param for param in read if not any(param == key or param.startswith(f"{key}.") for key in listed)
            } == set()
            assert {
                key for key in listed if not any(param == key or param.startswith(f"{key}.") for param in read)
            } == set()


def test_every_field_of_every_section_is_read_by_something(traced):
    read = {name for found in traced.values() for name in found["fields"]}
    known = {field(section, name) for section in sections() for name in section.model_fields}
    assert {name.rpartition(".")[0] for name in known - read} <= UNUSED_BY_DEFAULT
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "relseed").rglob("*.py"))
    assert [name for name in known - read if not re.search(rf"\.{name.rpartition('.')[2]}\b", code)] == []


def sections() -> list[type[Section]]:
    """Every section that a module of the project defines."""
    for folder in ("relseed", "stages"):
        for path in (ROOT / folder).rglob("*.py"):
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    found, todo = [], [Section]
    while todo:
        todo += (children := todo.pop().__subclasses__())
        found += children
    return [section for section in found if section.__module__.startswith(("relseed.", "stages."))]


@pytest.mark.parametrize(
    "package", ["training", "classifier", "evaluation", "report", "pretraining", "preference", "criteria"]
)
def test_no_edit_of_code_that_trains_scores_or_reports_has_anything_written_anew(package):
    """Excepted is what a trained model writes, and what is selected by the scores of trained verifiers."""
    for path in files_in(ROOT / "relseed" / package):
        file = path.relative_to(ROOT).as_posix()
        touched = downstream([stage for stage in STAGES if covers(code(stage), file)])
        again = {stage.name for stage in touched if verb(stage) in ("explain", "generate", "filter")}
        assert again <= {f"{verb}@{method}" for verb in ("generate", "filter") for method in MADE_BY_TRAINED_MODELS}, (
            file
        )
        direct = {verb(stage) for stage in STAGES if covers(code(stage), file)}
        assert not direct & {"explain", "generate", "filter"}, file


def test_every_section_of_the_parameters_is_read_by_a_stage_that_makes_something():
    listed = {name.partition(".")[0] for stage in STAGES if verb(stage) != "report" for name in params_of(stage)}
    assert set(PARAMS) - listed == {"engines", "budget", "workers"}  # how something is done, not what
