"""What can be relied on, as tables and as numbers: negatives, scores at other shares of them, calibration."""

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from relseed.evaluation.record import Evaluation, Spread
from relseed.evaluation.spread import spread
from relseed.report.table import DASH, Table, interval, percent


def reliability_table(systems: Mapping[str, Evaluation]) -> Table:
    """A row a system; empty where the dataset has no negative label."""
    if not any(evaluation.reliability.at_share for evaluation in systems.values()):
        return Table([], [])
    header = ["system", "threshold", "negatives found", "false alarms per 100", "calibration error"]
    if any(evaluation.wire for evaluation in systems.values()):
        header += ["wire: negatives found", "wire: F1", "95 % interval", "wire: F1 from raw text"]
    return Table(header, [_row(name, evaluation, len(header)) for name, evaluation in systems.items()])


def _row(name: str, evaluation: Evaluation, width: int) -> list[str]:
    found, wire, alarms = evaluation.reliability, evaluation.wire, evaluation.reliability.false_alarms
    threshold = fmean(decided.threshold for decided in evaluation.decisions)
    cells = [name, f"{threshold:.2f}", percent(found.negatives_found), DASH if alarms is None else f"{alarms.mean:.1f}"]
    cells.append(f"{found.calibration_error.mean:.3f}")
    if wire:
        cells += [percent(wire.negatives_found), percent(wire.f1), interval(wire.f1), percent(wire.raw_f1)]
    return cells + [DASH] * (width - len(cells))


def shares_table(systems: Mapping[str, Evaluation]) -> Table:
    """A row for each system and share of the negative label; empty where the dataset has none."""
    rows = [
        [name, f"{100 * each.negatives:.0f} %", *_with_interval(each.precision), *_with_interval(each.f1)]
        for name, evaluation in systems.items()
        for each in evaluation.reliability.at_share
    ]
    header = ["system", "negatives", "precision", "95 % interval", "F1", "95 % interval"]
    return Table(header if rows else [], rows)


def _with_interval(spread: Spread) -> list[str]:
    return [percent(spread), interval(spread)]


def reliability_numbers(evaluation: Evaluation) -> dict[str, Any]:
    """The same of one system as numbers, from 0 to 1 but for false alarms per 100."""
    found = evaluation.reliability
    numbers: dict[str, Any] = {
        "negatives_found": found.negatives_found,
        "false_alarms_per_100": found.false_alarms,
        "calibration_error": found.calibration_error,
        "threshold": spread([decided.threshold for decided in evaluation.decisions]),
    }
    for each in found.at_share:
        share = f"{100 * each.negatives:.0f}"
        numbers |= {f"f1_at_{share}": each.f1, f"precision_at_{share}": each.precision}
    if wire := evaluation.wire:
        shown = ("negatives_found", "f1", "raw_f1", "precision", "recall")
        numbers |= {f"wire_{name}": getattr(wire, name) for name in shown}
    plain = {name: each.model_dump(exclude_none=True) for name, each in numbers.items() if each is not None}
    if evaluation.negative is not None:
        support = {scores.label: scores.support for scores in evaluation.per_label}
        plain["negatives_share"] = support[evaluation.negative] / evaluation.test
    return plain
