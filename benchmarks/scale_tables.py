"""The tables of benchmarks/scale.py and benchmarks/workers.py, for the documentation."""

from collections.abc import Mapping

from benchmarks import workers as sharing
from benchmarks.results import read_results
from benchmarks.scale import RESULT, START
from benchmarks.tables import DASH, markdown


def scale() -> str:
    """What each stage on entity tuples takes, by their number: CPU seconds and memory, and the exponent of growth."""
    measured = read_results(RESULT)
    runs = [measured["start"], *measured["sizes"].values()]
    [*_, growth] = measured["growth"].values()
    header = ["stage", f"{START}, to start", *(f"{run['tuples']:,}" for run in runs[1:]), "growth"]
    rows = []
    for stage in measured["start"]["stages"]:
        exponent = growth[stage]
        cells = [_cell(run["stages"][stage]) for run in runs]
        rows.append([f"`{_named(stage)}`", *cells, DASH if exponent is None else f"n^{exponent:.2f}"])
    return markdown(header, rows)


def workers() -> str:
    """What `score` takes by one process and by two workers: seconds, and CPU seconds of all processes."""
    measured = read_results(sharing.RESULT)
    if not measured:
        return "Not run yet: `python -m benchmarks.workers 4096`."
    rows = [
        [f"`{criterion}`", *(f"{took[way]['wall']:.0f} s, CPU {took[way]['cpu']:.0f} s" for way in sharing.WAYS)]
        for criterion, took in measured["criteria"].items()
    ]
    return markdown(["criterion", *sharing.WAYS], rows)


def _named(stage: str) -> str:
    """A stage by its verb, with its entry only where there are several of it."""
    return stage if stage.startswith("score") else stage.partition("@")[0]


def _cell(took: Mapping[str, float]) -> str:
    return f"{took['cpu']:.1f} s, {took['memory_mb']:,} MB"
