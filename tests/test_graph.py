"""The graph itself: what stages depend on, what they may never see, what the README says of them."""

import importlib
import re
from pathlib import Path

import pytest
import yaml

from stages.pipeline.params import Section
from tests.graph import FRAME, ROOT, imported, paths, pipeline, verb

STAGES = pipeline()
NAMES = [stage.name for stage in STAGES]
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def covers(declared: list[str], file: str) -> bool:
    return any(file == one or file.startswith(f"{one.rstrip('/')}/") for one in declared)


def sections_read(name: str) -> set[str]:
    """The sections of params.yaml that the code of a stage loads: all of them where it reads the whole file."""
    if "read_params()" in (ROOT / f"stages/{name}.py").read_text(encoding="utf-8"):
        return set(PARAMS)
    found = set()
    for file in imported(ROOT / f"stages/{name}.py"):
        module = importlib.import_module(file.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
        source = (ROOT / file).read_text(encoding="utf-8")
        called = re.findall(r"section\((\w+)\)", source)
        found |= {kind.lower() for kind in called if isinstance(getattr(module, kind, None), type(Section))}
    return found


def listed(stage) -> set[str]:
    return {
        name.split(".")[0]
        for dependency in stage.deps
        if dependency.hash_name == "params"
        for name in dependency.params
    }


def ancestors(stage) -> set[str]:
    """Every path that reaches a stage through the graph, its own dependencies included."""
    known: set[str] = set()
    todo = paths(stage.deps)
    while todo:
        path = todo.pop()
        if path in known:
            continue
        known.add(path)
        for other in STAGES:
            if any(covers([out], path) or covers([path], out) for out in paths(other.outs)):
                todo += paths(other.deps)
    return known


def test_the_pipeline_has_a_stage_for_every_verb_of_the_path():
    assert {verb(stage) for stage in STAGES} == {"ingest", "sample", "finetune", "evaluate", "report"}


@pytest.mark.parametrize("stage", STAGES, ids=NAMES)
def test_a_stage_depends_on_every_module_that_it_imports(stage):
    needed = {file for file in imported(ROOT / f"stages/{verb(stage)}.py") if not covers(list(FRAME), file)}
    declared = paths(stage.deps)
    assert [file for file in sorted(needed) if not covers(declared, file)] == []


@pytest.mark.parametrize("stage", STAGES, ids=NAMES)
def test_a_stage_depends_on_no_code_that_it_does_not_import(stage):
    needed = imported(ROOT / f"stages/{verb(stage)}.py")
    code = [path for path in paths(stage.deps) if path.startswith("stages/")]
    assert [path for path in code if not any(covers([path], file) for file in needed)] == []


@pytest.mark.parametrize("stage", STAGES, ids=NAMES)
def test_a_stage_lists_exactly_the_sections_that_its_code_reads(stage):
    assert listed(stage) == sections_read(verb(stage))


def test_every_section_of_the_parameters_is_read_by_a_stage():
    assert set(PARAMS) == {"systems"}.union(*(listed(stage) for stage in STAGES))


def test_every_key_of_a_section_is_known_to_the_class_that_reads_it():
    kinds = {kind.__name__.lower(): kind for kind in _sections()}
    for name, values in PARAMS.items():
        if name != "systems":
            kinds[name].model_validate(values)
            assert set(values) == set(kinds[name].model_fields)


def _sections() -> list[type[Section]]:
    found, todo = [], [Section]
    for stage in STAGES:
        importlib.import_module(f"stages.{verb(stage)}")
    while todo:
        todo += (children := todo.pop().__subclasses__())
        found += children
    return found


@pytest.mark.parametrize("stage", STAGES, ids=NAMES)
def test_a_stage_says_what_it_does(stage):
    assert len(stage.desc or "") > 20


@pytest.mark.parametrize("stage", STAGES, ids=NAMES)
def test_a_stage_runs_the_module_of_its_name_as_a_module(stage):
    assert stage.cmd.startswith(f"python -m stages.{verb(stage)} ")


@pytest.mark.parametrize("stage", STAGES, ids=NAMES)
def test_the_command_shows_where_data_comes_from_and_goes_to(stage):
    words = stage.cmd.split()
    for path in [*paths(stage.deps), *paths(stage.outs)]:
        if not path.startswith("stages/"):
            assert any(covers([word], path) for word in words), path


@pytest.mark.parametrize("name", [name for name in NAMES if name.split("@")[0] not in ("ingest", "evaluate", "report")])
def test_no_path_leads_from_the_test_split_to_a_stage_that_trains_or_chooses(name):
    [stage] = [one for one in STAGES if one.name == name]
    assert not [path for path in ancestors(stage) if covers([path], "data/dataset/test.jsonl")]


def test_evaluate_does_read_the_test_split():
    [stage] = [one for one in STAGES if one.name == "evaluate@gold"]
    assert "data/dataset/test.jsonl" in paths(stage.deps)


def test_verbs_import_nouns_and_nouns_import_no_verb():
    verbs = {path.relative_to(ROOT).as_posix() for path in (ROOT / "stages").glob("*.py") if path.name != "__init__.py"}
    for path in (ROOT / "stages").glob("*/*.py"):
        assert not imported(path) & verbs, path


def test_the_rooms_import_each_other_in_no_circle():
    rooms = {path.name: set() for path in (ROOT / "stages").iterdir() if (path / "__init__.py").exists()}
    for room in rooms:
        for path in (ROOT / "stages" / room).glob("*.py"):
            direct = re.findall(r"^\s*(?:from|import) stages\.(\w+)", path.read_text(encoding="utf-8"), re.M)
            rooms[room] |= set(direct) - {room}
    order: list[str] = []
    while free := sorted(room for room, needs in rooms.items() if room not in order and needs <= set(order)):
        order += free
    assert set(order) == set(rooms)


def test_what_stages_write_is_ignored_by_git_whatever_dvc_does():
    for folder in ("data", "models", "results"):
        lines = (ROOT / folder / ".gitignore").read_text(encoding="utf-8").split("\n")
        assert "*" in lines
    for stage in STAGES:
        for out in stage.outs:
            path = Path(out.fs_path).relative_to(ROOT)
            assert path.parts[0] in ("data", "models", "results") or not out.use_cache, path
