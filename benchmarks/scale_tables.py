"""The tables of benchmarks/scale.py and benchmarks/workers.py, for the documentation."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import workers as sharing
from benchmarks.results import read_results
from benchmarks.scale import RESULT, START
from benchmarks.tables import DASH, markdown


def scale() -> str:
    """What each stage on entity tuples takes, by their number: CPU seconds and memory, and how both grow."""
    measured = read_results(RESULT)
    runs = [measured["start"], *measured["sizes"].values()]
    exponents = {stage: each for pair in measured["growth"].values() for stage, each in pair.items()}  # the last ones
    header = ["stage", f"{START}, to start", *(f"{run['tuples']:,}" for run in runs[1:]), "growth", "kB a tuple"]
    rows = []
    for stage, exponent in exponents.items():
        cells = [_cell(run["stages"].get(stage)) for run in runs]
        growth = DASH if exponent is None else f"n^{exponent:.2f}"
        rows.append([f"`{_named(stage)}`", *cells, growth, f"{_kilobytes(runs, stage):.1f}"])
    return markdown(header, rows)


def _kilobytes(runs: Sequence[Mapping[str, Any]], stage: str) -> float:
    """The memory that one more tuple takes, between the last two sizes that a stage is measured on."""
    *_, less, more = (run for run in runs if stage in run["stages"])
    memory = more["stages"][stage]["memory_mb"] - less["stages"][stage]["memory_mb"]
    return 1000 * memory / (more["tuples"] - less["tuples"])


def workers() -> str:
    """What `score` takes by one process and by two workers: seconds, and CPU seconds of all processes."""
    measured = read_results(sharing.RESULT)
    if not measured:
        return "Not run yet: `python -m benchmarks.workers 8192`."
    rows = [
        [f"`{criterion}`", *(f"{took[way]['wall']:.0f} s, CPU {took[way]['cpu']:.0f} s" for way in sharing.WAYS)]
        for criterion, took in measured["criteria"].items()
    ]
    return markdown(["criterion", *sharing.WAYS], rows)


def _named(stage: str) -> str:
    """A stage by its verb, with its entry only where there are several of it."""
    return stage if stage.startswith("score") else stage.partition("@")[0]


def _cell(took: Mapping[str, float] | None) -> str:
    if took is None:
        return DASH
    return f"{took['cpu']:.1f} s, {took['memory_mb']:,} MB"
