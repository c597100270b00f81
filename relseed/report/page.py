"""The report as one HTML page that needs nothing else: figures, style and tables are inside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from markupsafe import Markup

from relseed.evaluation.drifted import Drifted
from relseed.evaluation.record import Evaluation
from relseed.generation.summary import MethodSummary
from relseed.pipeline.templates import render
from relseed.report.drifts import drift_figure, drifts_table
from relseed.report.figures import (
    confusion_figure,
    labels_figure,
    loss_figure,
    pretraining_figure,
    reliability_figure,
    risk_figure,
    validation_figure,
)
from relseed.report.methods import methods_table
from relseed.report.reliability import reliability_table, shares_table
from relseed.report.table import Table, experiment_header, table_of

MOST_CONFUSED = 15


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often one label was taken for another, over all random seeds, and in which share of its examples."""

    actual: str
    predicted: str
    count: int
    share: float


def page_of(
    card: Mapping[str, Any],
    systems: Mapping[str, Evaluation],
    methods: Mapping[str, MethodSummary],
    labellers: Sequence[Table],
    rankings: Table,
    drifts: Mapping[str, Drifted],
) -> str:
    """Render the page from the data card, the evaluations, which share one draw, and what each method wrote.

    `labellers` are the two tables of LLMs that labelled test examples themselves, `rankings` that of rankings,
    `drifts` how methods change by generation.
    """
    first = next(iter(systems.values()))
    return render(
        Path(__file__).with_name("page.html.jinja"),
        card=card,
        header=experiment_header(card["name"], systems),
        draw=first.draw,
        contamination=[first.draw.contamination, *first.contamination],
        several=len(first.random_seeds) > 1,
        systems=[_section(system, evaluation) for system, evaluation in systems.items()],
        table=table_of(systems),
        reliable=reliability_table(systems),
        shares=shares_table(systems),
        wire=first.wire,
        labellers=[table for table in labellers if table.rows],
        written=methods_table(methods),
        rankings=rankings,
        drifts=drifts_table(drifts),
        drift_figures={name: Markup(drift_figure(found)) for name, found in drifts.items()},
        methods=list(methods),
    )


def _section(system: str, evaluation: Evaluation) -> dict[str, Any]:
    figures = {
        "confusion": confusion_figure(evaluation),
        "loss": loss_figure(evaluation),
        "labels": labels_figure(evaluation),
        "validation": validation_figure(evaluation),
        "reliability": reliability_figure(evaluation),
        "risk": risk_figure(evaluation),
    }
    if evaluation.pretraining:
        figures["pretraining"] = pretraining_figure(evaluation)
    # Markup: vl-convert has escaped the labels.
    drawn = {name: Markup(svg) for name, svg in figures.items()}
    return {"name": system, "evaluation": evaluation, "figures": drawn, "confused": most_confused(evaluation)}


def most_confused(evaluation: Evaluation) -> list[Confusion]:
    """The 15 most frequent confusions, those with the negative label included; ties in the order of the labels."""
    cells = chain.from_iterable(
        (
            Confusion(gold, predicted, count, count / sum(row))
            for predicted, count in zip(evaluation.labels, row, strict=True)
        )
        for gold, row in zip(evaluation.labels, evaluation.confusion, strict=True)
        if sum(row)
    )
    wrong = [cell for cell in cells if cell.actual != cell.predicted and cell.count]
    return sorted(wrong, key=lambda cell: -cell.count)[:MOST_CONFUSED]
