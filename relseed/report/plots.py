"""The CSV files that `dvc plots` draws, in long form: one row per point, bar or cell, with its system.

The templates in .dvc/plots put systems side by side and colour by revision.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

from relseed.evaluation.record import Evaluation


def plot_files(systems: Mapping[str, Evaluation]) -> dict[str, str]:
    """The text of each file under its name."""
    return {
        "curves.csv": _csv(["system", "seed", "step", "loss", "micro_f1"], _curves(systems)),
        "labels.csv": _csv(["system", "label", "f1"], _labels(systems)),
        "confusion.csv": _csv(["system", "actual", "predicted", "count"], _confusion(systems)),
    }


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def _curves(systems: Mapping[str, Evaluation]) -> Iterator[Sequence[object]]:
    for system, evaluation in systems.items():
        for point in evaluation.curves:
            yield system, point.seed, point.step, point.loss, point.micro_f1


def _labels(systems: Mapping[str, Evaluation]) -> Iterator[Sequence[object]]:
    for system, evaluation in systems.items():
        for scores in evaluation.per_label:
            yield system, scores.label, scores.f1


def _confusion(systems: Mapping[str, Evaluation]) -> Iterator[Sequence[object]]:
    """Empty cells, too, so that a plot has all labels on both axes."""
    for system, evaluation in systems.items():
        for actual, row in zip(evaluation.labels, evaluation.confusion, strict=True):
            for predicted, count in zip(evaluation.labels, row, strict=True):
                yield system, actual, predicted, count
