"""Tables: a row per system and baseline, scores in percent as papers print them."""

from collections.abc import Mapping
from typing import NamedTuple

from tabulate import tabulate

from relseed.evaluation.record import Evaluation, Spread

OFFICIAL = "official macro-F1"
AT_80 = "F1 at 80 % negatives"
DASH = "–"


class Table(NamedTuple):
    """Text in cells; every row is as long as the header, its first cell names it."""

    header: list[str]
    rows: list[list[str]]


def table_of(systems: Mapping[str, Evaluation]) -> Table:
    """The systems in their order, then the baselines.

    F1 at another share of negatives is there where the test set has a negative label, the official score where a
    system has one.
    """
    official = any(evaluation.scores.semeval_macro_f1 for evaluation in systems.values())
    header = ["system", "real", "written", "micro-F1", "95 % interval", "precision", "recall", "macro-F1"]
    shares = any(evaluation.reliability.at_share for evaluation in systems.values())
    header += [AT_80] * shares + [OFFICIAL] * official
    rows = [_row(system, evaluation, official, shares) for system, evaluation in systems.items()]
    for name, baseline in next(iter(systems.values())).baselines.items():
        cells = [f"{name} (baseline)", DASH, DASH, percent(baseline.micro_f1), interval(baseline.micro_f1)]
        rows.append(cells + [DASH] * (len(header) - len(cells)))
    return Table(header, rows)


def _row(system: str, evaluation: Evaluation, official: bool, shares: bool) -> list[str]:
    scores = evaluation.scores
    columns: list[Spread | None] = [scores.micro_precision, scores.micro_recall, scores.macro_f1]
    if shares:
        at_80 = evaluation.reliability.at(0.8)
        columns.append(None if at_80 is None else at_80.f1)
    if official:
        columns.append(scores.semeval_macro_f1)
    sizes = [f"{evaluation.real:,}", f"{evaluation.written:,}"]
    return [system, *sizes, percent(scores.micro_f1), interval(scores.micro_f1), *map(percent, columns)]


def percent(spread: Spread | None) -> str:
    """A score in percent, with its standard deviation over random seeds where there is one."""
    if spread is None:
        return DASH
    mean = f"{100 * spread.mean:.1f}"
    return f"{mean} ± {100 * spread.std:.1f}" if spread.std else mean


def interval(spread: Spread) -> str:
    """The ends of the 95 % interval of a score, in percent."""
    if spread.low is None or spread.high is None:
        return DASH
    return f"{100 * spread.low:.1f} – {100 * spread.high:.1f}"


def experiment_header(dataset: str, systems: Mapping[str, Evaluation]) -> str:
    """One line that says what every row of the table was measured on and with."""
    first = next(iter(systems.values()))
    seeds = ", ".join(map(str, first.random_seeds))
    return (
        f"{dataset}, K = {first.draw.shots}, draw {first.draw.seed} ({first.draw.hash}), {first.test:,} test examples; "
        f"encoder {first.encoder}, {first.max_steps} steps, random seed{'s' * (len(first.random_seeds) > 1)} {seeds}"
    )


def markdown(table: Table) -> str:
    """A table in Markdown, padded so that it reads as well in a terminal."""
    sides = ["left", *["right"] * (len(table.header) - 1)]
    text = tabulate(table.rows, table.header, tablefmt="pipe", colalign=sides, disable_numparse=True)
    return f"{text}\n"
