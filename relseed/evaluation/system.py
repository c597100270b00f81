"""A system: a row of the results table."""

from typing import Literal

from pydantic import Field, PositiveInt

from relseed.pipeline.params import Section


class System(Section):
    """An entry of `systems`."""

    train: str  # the file that it trains on: a training set, or the seeds
    encoder: str  # the folder of the encoder that it starts from
    head: str  # a module of relseed.classifier.heads
    loss: str  # a module of relseed.classifier.losses
    negative_weight: float = Field(
        gt=0, allow_inf_nan=False
    )  # what an example of the negative label counts in the loss
    score: Literal["probability", "energy", "distance"]  # what its threshold is held against
    max_steps: PositiveInt | None = None  # instead of those of `finetune`
