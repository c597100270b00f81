"""Mean and standard deviation over random seeds."""

from collections.abc import Sequence
from statistics import fmean, stdev

from relseed.evaluation.record import Spread


def spread(values: Sequence[float]) -> Spread:
    """Mean and sample standard deviation (0 for a single value)."""
    return Spread(mean=fmean(values), std=stdev(values) if len(values) > 1 else 0.0)
