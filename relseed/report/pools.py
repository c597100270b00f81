"""What each method had written, as a table: counts, cost, and diversity of what was kept."""

from collections.abc import Mapping

from relseed.generation.pool import Pool
from relseed.quality.diversity import Diversity
from relseed.report.table import NOTHING, Table


def pools_table(pools: Mapping[str, Pool]) -> Table:
    """A row a method; diversity is that of the drafts, then of the accepted sentences, means over relations."""
    header = ["method", "requests", "drafts", "accepted", "rejected", "cost per accepted"]
    header += ["distinct-1", "distinct-2", "self-BLEU", "distance", "masked", "Vendi"]
    return Table(header, [_row(method, pool) for method, pool in pools.items()])


def _row(method: str, pool: Pool) -> list[str]:
    counts = [f"{count:,}" for count in (pool.requests, pool.drafts, pool.accepted, pool.drafts - pool.accepted)]
    cost = NOTHING if pool.cost_per_accepted is None else f"{pool.cost_per_accepted:.5f}"
    figures = zip(_figures(pool.before), _figures(pool.after), strict=True)
    return [method, *counts, cost, *(f"{before} → {after}" for before, after in figures)]


def _figures(one: Diversity | None) -> list[str]:
    if one is None:
        return [NOTHING] * len(Diversity.model_fields)
    shares = (one.distinct_1, one.distinct_2, one.self_bleu, one.distance, one.distance_masked)
    return [*(f"{share:.3f}" for share in shares), f"{one.vendi:.1f}"]
