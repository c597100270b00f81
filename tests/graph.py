"""The pipeline as DVC sees it, the parameters, and the packages as they import each other."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from dvc.repo import Repo
from dvc.stage import PipelineStage

ROOT = Path(__file__).parents[1]
PARAMS: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


@cache
def pipeline(root: Path = ROOT) -> tuple[PipelineStage, ...]:
    """The stages of a checkout's dvc.yaml, one for each entry that a stage is repeated for."""
    with Repo(str(root)) as repo:
        return tuple(stage for stage in repo.index.stages if isinstance(stage, PipelineStage))


@cache
def declared() -> dict[str, Any]:
    """The stages as dvc.yaml writes them, a `foreach` left out."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return {verb: stage.get("do", stage) for verb, stage in stages.items()}


def verb(stage: PipelineStage) -> str:
    """`finetune` of `finetune@gold`."""
    return stage.name.partition("@")[0]


@cache
def _by_name() -> dict[str, PipelineStage]:
    return {stage.name: stage for stage in pipeline()}


def named(name: str) -> PipelineStage:
    """The stage of a name."""
    return _by_name()[name]


def paths(entries: Any) -> list[str]:
    """Paths of dependencies or outputs from the root, parameters left out."""
    local = [entry for entry in entries if entry.protocol == "local" and entry.hash_name != "params"]
    found = [(Path(entry.fs_path), entry.repo.root_dir) for entry in local]
    return [(path.relative_to(root) if path.is_relative_to(root) else path).as_posix() for path, root in found]


def is_code(path: str) -> bool:
    """Whether a dependency is a file or folder of code."""
    return path.startswith(("relseed/", "stages/"))


def code(stage: PipelineStage) -> list[str]:
    """The files and folders of code that a stage depends on."""
    return list(filter(is_code, paths(stage.deps)))


def params_of(stage: PipelineStage) -> set[str]:
    """What a stage lists of params.yaml: sections, and entries of mappings (`methods.one_by_one`)."""
    return {name for entry in stage.deps if entry.hash_name == "params" for name in entry.params}


def covers(folders: list[str], file: str) -> bool:
    """Whether a file is one of `folders`, or inside one."""
    return any(file == folder or file.startswith(f"{folder.rstrip('/')}/") for folder in folders)


@cache
def needs() -> dict[str, list[str]]:
    """The stages that write something that a stage reads, by the stage's name."""
    outs = {stage.name: paths(stage.outs) for stage in pipeline()}
    return {
        stage.name: [
            name
            for name, written in outs.items()
            if any(covers([out], path) or covers([path], out) for out in written for path in paths(stage.deps))
        ]
        for stage in pipeline()
    }


def upstream(stage: PipelineStage) -> list[PipelineStage]:
    """A stage and every stage that it depends on, directly or through others."""
    known = [stage.name]
    for near in known:
        known += [name for name in needs()[near] if name not in known]
    return [named(name) for name in known]


def downstream(stages: list[PipelineStage]) -> list[PipelineStage]:
    """Stages and every stage that depends on one of them, directly or through others, in the order of the pipeline."""
    names = {stage.name for stage in stages}
    return [stage for stage in pipeline() if names & {other.name for other in upstream(stage)}]


def imports() -> dict[str, set[str]]:
    """Which other packages of relseed each package imports anywhere in its code."""
    packages = {path.name for path in (ROOT / "relseed").iterdir() if (path / "__init__.py").exists()}
    found: dict[str, set[str]] = {package: set() for package in packages}
    for package in packages:
        for path in (ROOT / "relseed" / package).rglob("*.py"):
            named = re.findall(r"^\s*(?:from|import) relseed\.(\w+)", path.read_text(encoding="utf-8"), re.M)
            found[package] |= set(named) - {package}
    return found
