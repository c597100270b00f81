"""A system: a row of the results table."""

from relseed.pipeline.params import Section


class System(Section):
    """An entry of `systems`."""

    train: str  # the file that it trains on: a training set, or the seeds
    encoder: str  # the folder of the encoder that it starts from
    head: str  # a module of relseed.classifier.heads
