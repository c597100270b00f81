"""What can be relied on, as a table and as numbers: negatives, scores at other shares of them, calibration."""

from collections.abc import Mapping
from typing import Any

from relseed.evaluation.record import Evaluation, Spread
from relseed.report.table import DASH, Table


def reliability_table(systems: Mapping[str, Evaluation]) -> Table:
    """A row a system; empty where the dataset has no negative label."""
    shares = next((evaluation.reliability.at_share for evaluation in systems.values()), ())
    if not shares:
        return Table([], [])
    header = ["system", "threshold", "negatives found", "false alarms per 100"]
    header += [f"F1 at {100 * each.negatives:.0f} %" for each in shares]
    header += ["precision at 80 %", "calibration error"]
    if any(evaluation.wire for evaluation in systems.values()):
        header += ["wire: negatives found", "wire: F1", "wire: F1 from raw text"]
    return Table(header, [_row(name, evaluation, len(header)) for name, evaluation in systems.items()])


def _row(name: str, evaluation: Evaluation, width: int) -> list[str]:
    found, wire = evaluation.reliability, evaluation.wire
    thresholds = [float(decision["threshold"]) for decision in evaluation.decisions]
    cells = [
        name,
        f"{sum(thresholds) / len(thresholds):.2f}",
        _percent(found.negatives_found),
        _plain(found.false_alarms),
    ]
    cells += [_with_interval(each.f1) for each in found.at_share]
    cells += [_percent(_at(evaluation, 0.8)), f"{found.calibration_error.mean:.3f}"]
    if wire:
        cells += [_percent(wire.negatives_found), _with_interval(wire.f1), _percent(wire.raw_f1)]
    return cells + [DASH] * (width - len(cells))


def _at(evaluation: Evaluation, share: float) -> Spread | None:
    """Precision at a share of the negative label."""
    return next((each.precision for each in evaluation.reliability.at_share if each.negatives == share), None)


def _percent(spread: Spread | None) -> str:
    return DASH if spread is None else _plain(Spread(mean=100 * spread.mean, std=100 * spread.std))


def _plain(spread: Spread | None) -> str:
    if spread is None:
        return DASH
    return f"{spread.mean:.1f} ± {spread.std:.1f}" if spread.std else f"{spread.mean:.1f}"


def _with_interval(spread: Spread) -> str:
    if spread.low is None or spread.high is None:
        return _percent(spread)
    return f"{_percent(spread)} ({100 * spread.low:.1f} – {100 * spread.high:.1f})"


def reliability_numbers(evaluation: Evaluation) -> dict[str, Any]:
    """The same of one system as numbers, from 0 to 1 but for false alarms per 100."""
    found = evaluation.reliability
    numbers: dict[str, Any] = {
        "negatives_found": found.negatives_found,
        "false_alarms_per_100": found.false_alarms,
        "calibration_error": found.calibration_error,
    }
    for each in found.at_share:
        numbers |= {
            f"f1_at_{100 * each.negatives:.0f}": each.f1,
            f"precision_at_{100 * each.negatives:.0f}": each.precision,
        }
    if evaluation.wire:
        wire = evaluation.wire
        numbers |= {"wire_negatives_found": wire.negatives_found, "wire_f1": wire.f1, "wire_raw_f1": wire.raw_f1}
    plain = {name: spread.model_dump(exclude_none=True) for name, spread in numbers.items() if spread is not None}
    if evaluation.negative is not None:
        support = {scores.label: scores.support for scores in evaluation.per_label}
        plain["negatives_share"] = support[evaluation.negative] / evaluation.test
    return {**plain, "thresholds": [decision["threshold"] for decision in evaluation.decisions]}
