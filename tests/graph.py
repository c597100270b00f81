"""The pipeline as DVC sees it, and the code as Python imports it."""

import ast
from functools import cache
from pathlib import Path

from dvc.repo import Repo
from dvc.stage import PipelineStage

ROOT = Path(__file__).parents[1]
# Shared by all stages, and no stage's result depends on it: see the head of dvc.yaml.
FRAME = ("relseed/pipeline", "relseed/tracking")


@cache
def pipeline() -> tuple[PipelineStage, ...]:
    """The stages of dvc.yaml, one for each item of a matrix."""
    with Repo(str(ROOT)) as repo:
        return tuple(stage for stage in repo.index.stages if isinstance(stage, PipelineStage))


def verb(stage: PipelineStage) -> str:
    """`finetune` of `finetune@gold`."""
    return stage.name.partition("@")[0]


def paths(entries) -> list[str]:
    """Paths of dependencies or outputs from the root, parameters left out."""
    found = [Path(entry.fs_path) for entry in entries if entry.protocol == "local" and entry.hash_name != "params"]
    return [path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.as_posix() for path in found]


@cache
def imported(module: Path) -> frozenset[str]:
    """The project's own files that a module imports, directly or through others, itself included."""
    seen: set[Path] = set()
    todo = [module]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        todo += [file for name in _names(path) for file in _files(name)]
    return frozenset(path.relative_to(ROOT).as_posix() for path in seen)


@cache
def _names(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.split(".")[0] in ("relseed", "stages")]


@cache
def _files(name: str) -> list[Path]:
    """The module and the packages that importing it runs."""
    parts = name.split(".")
    candidates = [ROOT.joinpath(*parts[:count]) / "__init__.py" for count in range(1, len(parts) + 1)]
    candidates.append(ROOT.joinpath(*parts).with_suffix(".py"))
    return [path for path in candidates if path.is_file() and not _is_docstring(path)]


def _is_docstring(path: Path) -> bool:
    """Whether a module holds no code: nothing can depend on it."""
    return all(isinstance(node, ast.Expr) for node in ast.parse(path.read_text(encoding="utf-8")).body)
