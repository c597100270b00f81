"""A page of errors: every wrong test example of every system, beside the training examples it reads as most alike."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from relseed.evaluation.record import Evaluation, Neighbour, TestError
from relseed.pipeline.templates import render
from relseed.report.segments import highlighted


def errors_page(header: str, systems: Mapping[str, Evaluation]) -> str:
    """Render the page; `header` says what it was measured on."""
    rows = [_row(system, error) for system, evaluation in systems.items() for error in evaluation.errors]
    return render(
        Path(__file__).with_name("errors.html.jinja"),
        header=header,
        rows=rows,
        systems=list(systems),
        seeds=list(dict.fromkeys(row["seed"] for row in rows)),
        labels=next(iter(systems.values())).labels,
    )


def _row(system: str, error: TestError) -> dict[str, Any]:
    return error.model_dump(exclude={"segments", "nearest"}) | {
        "system": system,
        "shown": highlighted(error.segments),
        "nearest": list(map(_neighbour, error.nearest)),
    }


def _neighbour(error: Neighbour) -> dict[str, Any]:
    return error.model_dump(exclude={"segments"}) | {"shown": highlighted(error.segments)}
