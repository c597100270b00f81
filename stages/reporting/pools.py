"""What each method had written, as a table: counts, cost, and diversity of what was kept."""

from collections.abc import Mapping

from stages.quality.diversity import Diversity
from stages.reporting.table import NOTHING, Table
from stages.writing.pool import Pool


def pools_table(pools: Mapping[str, Pool]) -> Table:
    """A row a method; diversity is that of the accepted sentences, means over relations."""
    header = ["method", "requests", "drafts", "accepted", "rejected", "cost per accepted"]
    header += ["distinct-1", "distinct-2", "self-BLEU", "distance", "masked", "Vendi"]
    return Table(header, [_row(method, pool) for method, pool in pools.items()])


def _row(method: str, pool: Pool) -> list[str]:
    counts = [f"{count:,}" for count in (pool.requests, pool.drafts, pool.accepted, pool.drafts - pool.accepted)]
    cost = NOTHING if pool.cost_per_accepted is None else f"{pool.cost_per_accepted:.5f}"
    return [method, *counts, cost, *_figures(pool.after)]


def _figures(after: Diversity | None) -> list[str]:
    if after is None:
        return [NOTHING] * len(Diversity.model_fields)
    shares = (after.distinct_1, after.distinct_2, after.self_bleu, after.distance, after.distance_masked)
    return [*(f"{share:.3f}" for share in shares), f"{after.vendi:.1f}"]
