"""What each method wrote, as a table: counts, cost, and diversity before and after the rules."""

from collections.abc import Mapping

from relseed.generation.summary import MethodSummary
from relseed.quality.diversity import Diversity
from relseed.report.table import DASH, Table


def methods_table(methods: Mapping[str, MethodSummary]) -> Table:
    """A row a method. Label balance is the entropy of the labels, 1 where all are as frequent.

    Diversity is that of the candidates, then of the accepted examples, means over units.
    """
    header = ["method", "requests", "candidates", "accepted", "rejected", "cost per accepted"]
    header += [
        "label balance",
        "distinct-1",
        "distinct-2",
        "self-BLEU",
        "distance",
        "masked distance",
        "masked distinct",
    ]
    header += ["Vendi", "masked Vendi"]
    return Table(header, [_row(name, summary) for name, summary in methods.items()])


def _row(name: str, summary: MethodSummary) -> list[str]:
    rejected = summary.candidates - summary.accepted
    counts = [f"{count:,}" for count in (summary.requests, summary.candidates, summary.accepted, rejected)]
    cost = DASH if summary.cost_per_accepted is None else f"{summary.cost_per_accepted:.5f}"
    figures = zip(_figures(summary.before), _figures(summary.after), strict=True)
    return [
        name if summary.skipped is None else f"{name} (skipped)",
        *counts,
        cost,
        DASH if summary.label_balance is None else f"{summary.label_balance:.2f}",
        *(f"{before} → {after}" for before, after in figures),
    ]


def _figures(diversity: Diversity | None) -> list[str]:
    if diversity is None:
        return [DASH] * len(Diversity.model_fields)
    shares = (
        diversity.distinct_1,
        diversity.distinct_2,
        diversity.self_bleu,
        diversity.distance,
        diversity.distance_masked,
        diversity.distinct_masked,
    )
    numbers = diversity.vendi, diversity.vendi_masked
    return [*(f"{share:.3f}" for share in shares), *(f"{number:.1f}" for number in numbers)]
