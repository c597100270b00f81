"""Write the generated parts of README.md: the graph, the stages, the measured results, what lies where.

    python -m docs.readme    (or `make docs`; tests/test_readme.py compares)

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

import ast
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dvc.repo import Repo
from dvc.stage import PipelineStage

from benchmarks.finetune import RESULT as FINETUNE
from benchmarks.gold import RESULT as GOLD
from benchmarks.gold import over_draws

README = Path("README.md")
_PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.S)
_NAMES = {"gazette": "Gazette", "semeval": "SemEval-2010 Task 8"}


def graph() -> str:
    """The pipeline as a Mermaid diagram, one node per stage, drawn by DVC."""
    command = ["dvc", "dag", "--collapse-foreach-matrix", "--md"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def stages() -> str:
    """What each stage does, reads and writes."""
    rows = ["| stage | what it does | reads | writes |", "|---|---|---|---|"]
    with Repo() as repo:
        root = Path(repo.root_dir)
        found = [stage for stage in repo.index.stages if isinstance(stage, PipelineStage)]
    for stage in found:
        data = [path for path in _paths(stage.deps, root) if not path.startswith("stages/")]
        rows.append(f"| `{stage.name}` | {stage.desc} | {_code(data)} | {_code(_paths(stage.outs, root))} |")
    return "\n".join(rows)


def _paths(entries: list, root: Path) -> list[str]:
    return [Path(entry.fs_path).relative_to(root).as_posix() for entry in entries if entry.hash_name != "params"]


def _code(paths: list[str]) -> str:
    """Paths as code, those that share a folder written once."""
    folders: dict[str, list[str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, []).append(name)
    return "<br>".join(f"`{folder}/`: {', '.join(names)}" if folder else names[0] for folder, names in folders.items())


def results() -> str:
    """What `gold` scores, from benchmarks/gold.json."""
    rows = [
        "| dataset | K | micro-F1 | ± draws | ± training seeds | each draw | macro-F1 | official macro-F1 |",
        "|---|--:|--:|--:|--:|---|--:|--:|",
    ]
    for dataset, shots, draws in _measured():
        micro, macro = over_draws(draws), over_draws(draws, "macro_f1")
        official = f"{100 * over_draws(draws, 'semeval_macro_f1')['mean']:.1f}" if dataset == "semeval" else "–"
        each = ", ".join(f"{100 * metrics['gold']['micro_f1']['mean']:.1f}" for metrics in draws.values())
        rows.append(
            f"| {_NAMES[dataset]} | {shots} | **{100 * micro['mean']:.1f}** | {100 * micro['std_draws']:.1f} "
            f"| {100 * micro['std_seeds']:.1f} | {each} | {100 * macro['mean']:.1f} | {official} |"
        )
    return "\n".join(rows)


def baselines() -> str:
    """What the baselines score, from benchmarks/gold.json: they don't depend on the draw."""
    rows = ["| dataset | majority | types only | random |", "|---|--:|--:|--:|"]
    for dataset, metrics in {dataset: draws["1"] for dataset, _, draws in _measured()}.items():
        scores = [f"{100 * metrics[key]['micro_f1']['mean']:.1f}" for key in ("majority", "types_only", "random")]
        rows.append(f"| {_NAMES[dataset]} | {' | '.join(scores)} |")
    return "\n".join(rows)


def training() -> str:
    """How fast training is beside a plain loop, from benchmarks/finetune.json."""
    measured = json.loads(FINETUNE.read_text(encoding="utf-8"))
    rows = ["| loop | sentences per second | ours is faster by | micro-F1 on validation |", "|---|--:|--:|--:|"]
    for name, rate in measured["sentences_per_second"].items():
        times = measured["ours_is_faster_by"].get(name)
        each = ", ".join(f"{100 * one['micro_f1']:.1f}" for one in measured["runs"][name])
        rows.append(f"| {name} | {rate:.1f} | {f'{times:.2f} times' if times else '–'} | {each} |")
    return "\n".join(rows)


def _measured() -> list[tuple[str, int, dict[str, dict[str, Any]]]]:
    """Dataset, K and the metrics of each draw, for each measured setting."""
    settings = json.loads(GOLD.read_text(encoding="utf-8"))
    parts = {name: name.partition("-") for name in settings}
    return sorted((parts[name][0], int(parts[name][2]), one["draws"]) for name, one in settings.items())


def files() -> str:
    """One line for each file of code: the first line of its docstring."""
    lines = []
    for folder in ("stages", "benchmarks", "docs"):
        for path in sorted(Path(folder).rglob("*.py"), key=lambda one: (one.parent.as_posix(), one.name)):
            said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            name = f"{path.parent.as_posix()}/" if path.name == "__init__.py" else f"  {path.name}"
            lines.append(f"{name:<28}{said.splitlines()[0]}")
    return "\n".join(["```text", *lines, "```"])


PARTS: dict[str, Callable[[], str]] = {
    one.__name__: one for one in (graph, stages, results, baselines, training, files)
}


def generated(text: str) -> str:
    """`text` with every generated part as it should be."""
    return _PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]()}\n\n{part[3]}", text)


if __name__ == "__main__":
    README.write_text(generated(README.read_text(encoding="utf-8")), encoding="utf-8")
