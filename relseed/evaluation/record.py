"""What `evaluate` writes and `report` reads: the scores of one system, one JSON file each."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, model_validator

from relseed.datasets.draw import Draw
from relseed.quality.duplicates import Overlap
from relseed.records.files import read_output


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Spread(_Part):
    """A score, 0 to 1: mean and standard deviation over training seeds, and the 95 % interval where there is one."""

    mean: float
    std: float
    low: float | None = None
    high: float | None = None


class Scores(_Part):
    """Scores over the whole test set; micro and macro leave out the negative label."""

    micro_f1: Spread
    micro_precision: Spread
    micro_recall: Spread
    macro_f1: Spread
    accuracy: Spread
    semeval_macro_f1: Spread | None = None  # SemEval-2010 Task 8 alone: its official score


class RelationScores(_Part):
    """Scores of one relation, means over training seeds; `support` counts its gold examples."""

    relation: str
    precision: float
    recall: float
    f1: float
    f1_std: float
    support: int
    negative: bool


class Point(_Part):
    """One look at validation during one training: mean training loss since the last look, micro-F1 now."""

    seed: int
    update: int
    loss: float
    micro_f1: float


class PretrainingStep(_Part):
    """The two losses of one update of the pre-training on explanations, unweighted."""

    update: int
    mslm: float
    scl: float


class Baseline(_Part):
    """What answering without reading scores."""

    micro_f1: Spread


class Prediction(_Part):
    """What the extractors, one per training seed, said of one test example."""

    id: str
    relation: str
    predicted: tuple[str, ...]


class Evaluation(_Part):
    """The scores of one system on the test set."""

    system: str
    encoder: str
    updates: int
    training_seeds: tuple[int, ...]
    draw: Draw
    real: int  # seeds trained on
    written: int  # sentences of an LLM trained on
    test: int  # examples
    labels: tuple[str, ...]
    negative: str | None
    scores: Scores
    per_relation: tuple[RelationScores, ...]
    confusion: tuple[tuple[int, ...], ...]  # [gold, predicted] in the order of `labels`, summed over training seeds
    curves: tuple[Point, ...]
    pretraining: tuple[PretrainingStep, ...]  # empty where the system has none
    baselines: dict[str, Baseline]
    leaks: tuple[Overlap, ...]  # into the test set
    predictions: tuple[Prediction, ...]

    @model_validator(mode="after")
    def _consistent(self) -> "Evaluation":
        if {len(self.confusion), *map(len, self.confusion)} != {len(self.labels)}:
            raise ValueError(f"the confusion matrix is not {len(self.labels)} x {len(self.labels)}, as labels are")
        if tuple(scores.relation for scores in self.per_relation) != self.labels:
            raise ValueError("per_relation does not hold the labels in their order")
        if any(len(prediction.predicted) != len(self.training_seeds) for prediction in self.predictions):
            raise ValueError("not every example has one prediction for each training seed")
        return self


def read_evaluation(path: Path) -> Evaluation:
    """Read what `evaluate` wrote of a system.

    Raises:
        DataError: The file is missing, or is not what `evaluate` writes now.
    """
    return read_output(path, Evaluation, stage=f"evaluate@{path.stem}")
