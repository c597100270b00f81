"""What became of rankings, as a table: how the candidates of each method came off, and how blends did."""

from collections.abc import Mapping

from relseed.ranking.summary import MethodRanks, RankingSummary
from relseed.records.scores import BLEND
from relseed.report.table import DASH, Table


def rankings_table(rankings: Mapping[str, RankingSummary]) -> Table:
    """A row for each ranking and method: candidates, tuples of which one is the best, mean index and scores.

    Of blends the candidates are those that were taken, beside those that were asked for.
    """
    criteria = dict.fromkeys(
        name for summary in rankings.values() for each in summary.methods.values() for name in each.scores
    )
    header = ["ranking", "method", "candidates", "best of tuples", "mean index", *criteria]
    rows = [
        [name, method, _candidates(summary, method, each), f"{each.first:,}", _number(each.index)]
        + [_number(each.scores.get(criterion)) for criterion in criteria]
        for name, summary in rankings.items()
        for method, each in summary.methods.items()
        if each.candidates or method == BLEND
    ]
    return Table(header, rows)


def _candidates(summary: RankingSummary, method: str, each: MethodRanks) -> str:
    if method == BLEND and summary.blends is not None:
        return f"{each.candidates:,} of {summary.blends.asked:,}"
    return f"{each.candidates:,}"


def _number(value: float | None) -> str:
    return DASH if value is None else f"{value:.3f}"
