"""Write the generated parts of README.md and docs/*.md: the graph, the stages, what reruns, the measured tables.

    python -m docs.generate    (or `make docs`; tests/test_docs.py compares)

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

import re
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from dvc.stage import PipelineStage

from benchmarks import creator_tables, index_tables, llm_tables, scale_tables, tables, verified
from benchmarks.tables import markdown
from tests.graph import ROOT, code, covers, declared, downstream, paths, pipeline, verb

_PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.S)


def pages() -> list[Path]:
    """The README and every page of the documentation."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def graph() -> str:
    """The pipeline as a Mermaid diagram, one node per verb, drawn by DVC."""
    command = ["dvc", "dag", "--collapse-foreach-matrix", "--md"]
    drawn = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    return re.sub(r"^```mermaid", "```mermaid\n%% drawn by `dvc dag --collapse-foreach-matrix --md`", drawn.strip())


def stages() -> str:
    """What each stage does, reads and writes; several of one verb in one row, `*` for what tells them apart."""
    rows = []
    for name, stage in _firsts().items():
        which = stage.name.partition("@")[2]
        reads, writes = (
            [path.replace(which, "*") if which else path for path in paths(entries)]
            for entries in (stage.deps, stage.outs)
        )
        data = [path for path in reads if not covers(["relseed", "stages"], path)]
        title = f"`{name}{'@*' if which else ''}`"
        rows.append([title, declared()[name]["desc"], _code(data), _code(writes)])
    return markdown(["stage", "what it does", "reads", "writes"], rows, left=range(4))


def reruns() -> str:
    """What each file of the library reruns: the stages that depend on it, and those that may follow.

    A stage that follows runs only if what it reads did change.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for path in sorted((ROOT / "relseed").rglob("*")):
        file = path.relative_to(ROOT).as_posix()
        if path.is_file() and "__pycache__" not in path.parts:
            direct = [stage for stage in pipeline() if covers(code(stage), file)]
            behind = [stage for stage in downstream(direct) if stage not in direct]
            groups.setdefault((_names(direct), _names(behind)), []).append(file.removeprefix("relseed/"))
    rows = [[_code(files), *stages] for stages, files in groups.items()]
    header = ["touched file of `relseed/`", "reruns", "and behind it, if the result changed"]
    return markdown(header, rows, left=range(3))


def _firsts() -> dict[str, PipelineStage]:
    """The first stage of each verb, in the order of dvc.yaml."""
    firsts = {verb(stage): stage for stage in reversed(pipeline())}
    return {name: firsts[name] for name in declared() if name in firsts}


def _names(found: Sequence[PipelineStage]) -> str:
    """Stages by their verbs; the entries stand behind a verb only where they are not all of it."""
    names = []
    for name in _firsts():
        every, some = ([stage for stage in stages if verb(stage) == name] for stages in (pipeline(), found))
        entries = [stage.name.partition("@")[2] for stage in some]
        if some:
            names.append(name if len(some) == len(every) else f"{name}@{{{','.join(entries)}}}")
    return ", ".join(f"`{name}`" for name in names) or tables.DASH


def _code(files: Iterable[str]) -> str:
    """Paths as code, those that share a folder written once."""
    folders: dict[str, list[str]] = {}
    for path in files:
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, []).append(name)
    return "<br>".join(
        f"`{folder}/`: {', '.join(names)}" if folder else ", ".join(f"`{name}`" for name in names)
        for folder, names in folders.items()
    )


_MEASURED = (
    tables.systems,
    tables.reliance,
    tables.careful,
    tables.negatives,
    tables.random_seeds,
    tables.outside,
    tables.gold,
    tables.baselines,
    tables.written,
    tables.probe,
    tables.tuned,
    tables.tuned_settings,
    tables.finetune,
    tables.savings,
    tables.hardware,
    tables.generate,
    tables.predict,
    tables.pipeline,
    scale_tables.scale,
    scale_tables.workers,
    llm_tables.itself,
    llm_tables.smollm2,
    llm_tables.decode,
    verified.stated,
    verified.ranked,
    creator_tables.strategies,
    creator_tables.recorded_strategies,
    creator_tables.firsts,
    creator_tables.question_transfer,
    creator_tables.devoid,
    creator_tables.transfer,
    index_tables.index_stated,
    index_tables.index_methods,
    index_tables.index_weights,
    index_tables.index_fitted,
    index_tables.index_correlations,
)
PARTS: Mapping[str, Callable[[], str]] = {
    **{part.__name__: part for part in (graph, stages, reruns, *_MEASURED)},
    **tables.STUDIES,
    "creator_quiz": partial(creator_tables.questions, "creator-quiz"),
}


def generated(text: str) -> str:
    """`text` with every generated part as it should be."""
    return _PART.sub(lambda part: f"{part[1]}\n{_narrow(PARTS[part[2]]())}\n\n{part[3]}", text)


def _narrow(part: str) -> str:
    """A table without the blanks and dashes that only align its columns."""
    rows = [re.sub(r" *\| *", " | ", re.sub(r"-{3,}", "---", row)).strip() for row in part.split("\n")]
    return "\n".join(rows) if part.startswith("|") else part


if __name__ == "__main__":
    for page in pages():
        page.write_text(generated(page.read_text(encoding="utf-8")), encoding="utf-8")
