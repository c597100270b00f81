"""The graph itself: what stages depend on, what they may never see, what the README says of them."""

import ast
import importlib
import re
import subprocess

import pytest
import yaml

from relseed.generation.mixture import Mixture
from relseed.pipeline.params import Section
from tests.graph import FRAME, ROOT, imported, paths, pipeline, verb

STAGES = pipeline()
NAMES = [stage.name for stage in STAGES]
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
OF_REQUESTS = {"generator": {"adapter"}}  # fields that a stage sets for each request
NO_SECTIONS = {"systems", "methods", "generators", "writers", "pretrained"}
EACH = {
    "generate": PARAMS["methods"],
    "filter": PARAMS["methods"],
    "teach": PARAMS["generators"],
    "prefer": PARAMS["generators"],
    "dpo": [f"{generator}-{half}" for generator in PARAMS["generators"] for half in ("one", "two")],
    "draft": PARAMS["generators"],
    "write": PARAMS["generators"],
    "verify": PARAMS["writers"],
    "select": list(PARAMS["mixtures"]),
    "pretrain": PARAMS["pretrained"],
    "finetune": PARAMS["systems"],
    "evaluate": PARAMS["systems"],
}


def covers(declared: list[str], file: str) -> bool:
    return any(file == one or file.startswith(f"{one.rstrip('/')}/") for one in declared)


def sections_read(name: str) -> set[str]:
    """The sections of params.yaml that the code of a stage loads: all of them where it reads the whole file.

    A function that nothing names loads nothing, whoever imports its module.
    """
    own = ast.parse((ROOT / f"stages/{name}.py").read_text(encoding="utf-8"))
    if "read_params" in mentioned(own.body):
        return set(PARAMS)
    trees = [ast.parse((ROOT / file).read_text(encoding="utf-8")) for file in imported(ROOT / f"stages/{name}.py")]
    nodes = [node for tree in trees for node in tree.body]
    definitions = [node for node in nodes if isinstance(node, DEFINITIONS)]
    live = [*own.body, *(node for node in nodes if node not in definitions)]
    known: set[str] = set()
    while new := mentioned(live) - known:
        known |= new
        live += [node for node in definitions if node.name in new]
    calls = [node for one in live for node in ast.walk(one) if isinstance(node, ast.Call)]
    return {call.args[0].id.lower() for call in calls if isinstance(call.func, ast.Name) and call.func.id == "section"}


def mentioned(nodes: list[ast.stmt]) -> set[str]:
    return {node.id for one in nodes for node in ast.walk(one) if isinstance(node, ast.Name)}


def keys(stage) -> set[str]:
    """What a stage lists of params.yaml: sections, and entries of a section (`hybrid.gold`)."""
    return {name for one in stage.deps if one.hash_name == "params" for name in one.params}


def listed(stage) -> set[str]:
    return {key.partition(".")[0] for key in keys(stage)}


def named(name: str):
    [stage] = [one for one in STAGES if one.name == name]
    return stage


def upstream(stage) -> list:
    """A stage and every stage that it depends on, directly or through others."""
    known = [stage]
    for one in known:
        needs = paths(one.deps)
        known += [
            other
            for other in STAGES
            if other not in known
            and any(covers([out], path) or covers([path], out) for out in paths(other.outs) for path in needs)
        ]
    return known


def ancestors(stage) -> set[str]:
    """Every path that reaches a stage through the graph, its own dependencies included."""
    return {path for one in upstream(stage) for path in paths(one.deps)}


def test_the_pipeline_has_a_stage_for_every_verb_of_the_path():
    assert {verb(stage) for stage in STAGES} == {
        "ingest", "sample", "explain", "generate", "describe", "filter", "select",
        "teach", "draft", "prefer", "dpo", "write", "verify", "pretrain", "finetune", "evaluate", "report",
    }  # fmt: skip


def test_a_stage_is_repeated_for_every_system_method_or_mixture_that_the_parameters_name():
    for repeated, over in EACH.items():
        assert [stage.name for stage in STAGES if verb(stage) == repeated] == [f"{repeated}@{one}" for one in over]


def test_the_systems_are_gold_and_those_that_have_a_mixture():
    assert PARAMS["systems"] == ["gold", *PARAMS["mixtures"]]


def test_every_system_says_whether_it_is_hybrid():
    assert list(PARAMS["hybrid"]) == PARAMS["systems"]


def test_every_system_starts_from_a_pre_trained_encoder_or_has_an_empty_file_that_says_it_has_none():
    assert set(PARAMS["pretrained"]) <= set(PARAMS["systems"])
    listed = subprocess.run(["git", "ls-files", "models/pretrained"], cwd=ROOT, capture_output=True, text=True)
    plain = set(PARAMS["systems"]) - set(PARAMS["pretrained"])
    assert set(listed.stdout.split()) == {f"models/pretrained/{system}" for system in plain}
    assert all((ROOT / f"models/pretrained/{system}").stat().st_size == 0 for system in plain)


def test_every_mixture_takes_what_a_method_wrote():
    taken = {method for mixture in PARAMS["mixtures"].values() for method in mixture["methods"]}
    assert taken <= {*PARAMS["methods"], *PARAMS["writers"]}


@pytest.mark.parametrize("stage", STAGES, ids=NAMES)
def test_a_stage_of_one_system_depends_on_no_entry_of_another(stage):
    assert {key.partition(".")[2] for key in keys(stage)} <= {"", stage.name.partition("@")[2]}


@pytest.mark.parametrize("stage", STAGES, ids=NAMES)
def test_a_stage_depends_on_every_module_that_it_imports(stage):
    needed = {file for file in imported(ROOT / f"stages/{verb(stage)}.py") if not covers(list(FRAME), file)}
    declared = paths(stage.deps)
    assert [file for file in sorted(needed) if not covers(declared, file)] == []


@pytest.mark.parametrize("stage", STAGES, ids=NAMES)
def test_a_stage_depends_on_no_code_that_it_does_not_import(stage):
    needed = imported(ROOT / f"stages/{verb(stage)}.py")
    code = [path for path in paths(stage.deps) if path.startswith(("relseed/", "stages/")) and path.endswith(".py")]
    assert [path for path in code if not any(covers([path], file) for file in needed)] == []


@pytest.mark.parametrize("stage", STAGES, ids=NAMES)
def test_a_stage_lists_exactly_the_sections_that_its_code_reads(stage):
    assert listed(stage) == sections_read(verb(stage))


def test_every_section_of_the_parameters_is_read_by_a_stage_that_makes_something():
    assert NO_SECTIONS.union(*(listed(stage) for stage in STAGES if stage.name != "report")) == set(PARAMS)


@pytest.mark.parametrize("name", sorted(set(PARAMS) - NO_SECTIONS))
def test_every_key_of_a_section_is_known_to_the_class_that_reads_it(name):
    [kind] = [
        one
        for one in _sections()
        if one.__name__.lower() == name and one.__module__.startswith(("relseed.", "stages."))
    ]
    kind.model_validate(PARAMS[name])
    if kind.model_config["extra"] == "forbid":
        assert set(PARAMS[name]) == set(kind.model_fields) - OF_REQUESTS.get(name, set())


@pytest.mark.parametrize("system", PARAMS["mixtures"])
def test_a_mixture_holds_every_key_that_the_code_knows(system):
    assert set(PARAMS["mixtures"][system]) == set(Mixture.model_fields)


def _sections() -> list[type[Section]]:
    found, todo = [], [Section]
    for file in sorted(set().union(*(imported(ROOT / f"stages/{verb(stage)}.py") for stage in STAGES))):
        importlib.import_module(file.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
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
def test_the_command_or_a_parameter_shows_where_data_comes_from_and_goes_to(stage):
    words = [*stage.cmd.split(), PARAMS["batch"]["answers"]]
    for path in [*paths(stage.deps), *paths(stage.outs)]:
        if not path.startswith(("relseed/", "stages/")):
            assert any(covers([word], path) for word in words), path


@pytest.mark.parametrize("name", [name for name in NAMES if name.split("@")[0] not in ("ingest", "evaluate", "report")])
def test_no_path_leads_from_the_test_split_to_a_stage_that_writes_trains_or_chooses(name):
    assert not [path for path in ancestors(named(name)) if covers([path], "data/dataset/test.jsonl")]


def test_evaluate_does_read_the_test_split():
    assert "data/dataset/test.jsonl" in paths(named("evaluate@gold").deps)


def test_the_gold_baseline_depends_on_no_language_model():
    before = upstream(named("evaluate@gold"))
    assert {verb(stage) for stage in before} == {"ingest", "sample", "finetune", "evaluate"}
    assert not [path for path in ancestors(before[0]) if covers(["relseed/llm"], path)]


def test_stages_import_the_library_and_the_library_imports_no_stage():
    verbs = {path.relative_to(ROOT).as_posix() for path in (ROOT / "stages").glob("*.py") if path.name != "__init__.py"}
    for path in (ROOT / "relseed").rglob("*.py"):
        assert not imported(path) & verbs, path


def test_the_packages_import_each_other_in_no_cycle():
    rooms = {path.name: set() for path in (ROOT / "relseed").iterdir() if (path / "__init__.py").exists()}
    for room in rooms:
        for path in (ROOT / "relseed" / room).rglob("*.py"):
            direct = re.findall(r"^\s*(?:from|import) relseed\.(\w+)", path.read_text(encoding="utf-8"), re.M)
            rooms[room] |= set(direct) - {room}
    order: list[str] = []
    while free := sorted(room for room, needs in rooms.items() if room not in order and needs <= set(order)):
        order += free
    assert set(order) == set(rooms)


def test_the_lock_holds_no_stage_that_the_pipeline_lacks():
    locked = yaml.safe_load((ROOT / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    assert sorted(set(locked) - set(NAMES)) == []


def test_what_stages_write_is_ignored_by_git_whatever_dvc_does():
    for folder in ("data", "models", "results"):
        lines = (ROOT / folder / ".gitignore").read_text(encoding="utf-8").split("\n")
        assert "*" in lines
    outs = [path for stage in STAGES for path in paths(out for out in stage.outs if out.use_cache)]
    ignored = subprocess.run(["git", "check-ignore", "--no-index", *outs], cwd=ROOT, capture_output=True, text=True)
    assert ignored.stdout.split() == outs
