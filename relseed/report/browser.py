"""A page to read what a method wrote: accepted and rejected side by side, to filter and to search."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from relseed.pipeline.templates import render
from relseed.records.candidates import Rejected
from relseed.report.segments import highlighted
from relseed.tasks.task import Task


@dataclass(frozen=True, slots=True)
class Row:
    """One example or candidate as the page shows it."""

    id: str
    label: str
    shown: Markup
    rule: str = ""
    reason: str = ""


def browser_page(task: Task, method: str, accepted: Sequence[Any], rejected: Sequence[Rejected]) -> str:
    """Render the page of a method."""
    passed = [Row(example.id, example.label, highlighted(task.segments(example))) for example in accepted]
    failed = [_rejected(task, example) for example in rejected]
    return render(
        Path(__file__).with_name("browser.html.jinja"),
        method=method,
        accepted=passed,
        rejected=failed,
        labels=_distinct(row.label for row in [*passed, *failed]),
        rules=_distinct(row.rule for row in failed),
    )


def _rejected(task: Task, example: Rejected) -> Row:
    candidate = example.candidate
    shown = highlighted(task.candidate_segments(candidate))
    return Row(candidate.id, candidate.label, shown, example.rule, example.reason)


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
