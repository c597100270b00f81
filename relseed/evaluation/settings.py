"""The section `evaluate` of params.yaml."""

from pydantic import PositiveInt

from relseed.pipeline.params import Section


class Evaluate(Section):
    """How intervals are found, and the random numbers for them."""

    resamples: PositiveInt  # bootstrap resamples of the test set
    seed: int  # of the bootstrap and of the random baseline
