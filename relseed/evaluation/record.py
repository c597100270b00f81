"""What `evaluate` writes and `report` reads: the scores of one system, one JSON file each."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, model_validator

from relseed.datasets.draw import Draw
from relseed.quality.duplicates import Overlap
from relseed.records.files import read_output


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Spread(_Part):
    """A score, 0 to 1: mean and standard deviation over random seeds, and the 95 % interval where there is one."""

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


class LabelScores(_Part):
    """Scores of one label, means over random seeds; `support` counts its gold examples."""

    label: str
    precision: float
    recall: float
    f1: float
    f1_std: float
    support: int
    negative: bool


class Point(_Part):
    """One evaluation on validation during one training: mean training loss since the last one, micro-F1 now."""

    seed: int
    step: int
    loss: float
    micro_f1: float
    kept: bool  # of one evaluation of a training, whose weights are the extractor's


class PretrainingStep(_Part):
    """The two losses of one step of the pre-training on explanations, unweighted."""

    step: int
    mslm: float
    scl: float


class AtShare(_Part):
    """Precision and F1 of the same answers where the negative label has this share."""

    negatives: float
    precision: Spread
    f1: Spread


class Bin(_Part):
    """Answers of nearly the same probability: its mean, the share that is right, how many there are."""

    probability: float
    accuracy: float
    count: int


class RiskPoint(_Part):
    """The share of wrong answers (risk) among the surest share of all (coverage)."""

    coverage: float
    risk: float


class Reliability(_Part):
    """What can be relied on: negatives, and probabilities."""

    negatives_found: Spread | None  # share; None where the test set holds none
    false_alarms: Spread | None  # per 100 items that assert nothing
    at_share: tuple[AtShare, ...]
    calibration_error: Spread  # expected, of the likeliest label's probability
    bins: tuple[Bin, ...]  # of all random seeds together
    risk_coverage: tuple[RiskPoint, ...]  # the same

    def at(self, negatives: float) -> AtShare | None:
        """Precision and F1 at a share of the negative label; None where there is no such label."""
        return next((each for each in self.at_share if each.negatives == negatives), None)


class Decided(_Part):
    """What turned the logits of one extractor into answers: see `relseed.classifier.decision.Decision`."""

    temperature: float
    bias: float
    negatives: float | None
    score: str
    threshold: float
    least_similarity: float
    fitted_on: dict[str, int]
    held_out: dict[str, float]


class Wire(_Part):
    """Scores on passages of running text, all of whose pairs of mentions are labelled, in their natural share."""

    pairs: int
    stated: int  # pairs that state something
    negatives_found: Spread
    precision: Spread
    recall: Spread
    f1: Spread
    raw_precision: Spread  # from raw text: mentions found by a model, of the right type, that overlap
    raw_recall: Spread
    raw_f1: Spread
    raw_f1_exact: Spread  # with mentions found to the character


class Baseline(_Part):
    """What answering without reading scores."""

    micro_f1: Spread


class Prediction(_Part):
    """What the extractors, one per random seed, said of one test example, each with its probability."""

    id: str
    label: str
    predicted: tuple[str, ...]
    probability: tuple[float, ...]  # of the likeliest label, before the threshold


Segment = tuple[str, str | None, str | None]  # of an example as people read it: text, role, note


class Neighbour(_Part):
    """A training example that an extractor reads as much like a test example."""

    id: str
    label: str
    origin: str  # `seed`, or the method that wrote it
    similarity: float  # cosine of what the head reads
    segments: tuple[Segment, ...]


class TestError(_Part):
    """A test example that an extractor got wrong."""

    __test__ = False  # pytest, it is no test

    id: str
    seed: int  # of the training
    label: str
    predicted: str
    probability: float  # of the predicted label
    label_probability: float  # of the right one
    segments: tuple[Segment, ...]
    nearest: tuple[Neighbour, ...]


class Evaluation(_Part):
    """The scores of one system on the test set."""

    system: str
    encoder: str
    head: str
    max_steps: int
    random_seeds: tuple[int, ...]
    draw: Draw
    real: int  # seeds trained on
    written: int  # examples of LLMs trained on
    test: int  # examples
    labels: tuple[str, ...]
    negative: str | None
    scores: Scores
    reliability: Reliability
    wire: Wire | None  # None where the dataset has no such passages
    decisions: tuple[Decided, ...]  # one for each random seed
    per_label: tuple[LabelScores, ...]
    confusion: tuple[tuple[int, ...], ...]  # [gold, predicted] in the order of `labels`, summed over random seeds
    curves: tuple[Point, ...]
    pretraining: tuple[PretrainingStep, ...]  # empty where the system has none
    baselines: dict[str, Baseline]
    contamination: tuple[Overlap, ...]  # of the test set
    predictions: tuple[Prediction, ...]
    errors: tuple[TestError, ...]  # of all extractors

    @model_validator(mode="after")
    def _consistent(self) -> "Evaluation":
        if {len(self.confusion), *map(len, self.confusion)} != {len(self.labels)}:
            raise ValueError(f"the confusion matrix is not {len(self.labels)} x {len(self.labels)}, as labels are")
        if tuple(scores.label for scores in self.per_label) != self.labels:
            raise ValueError("per_label does not hold the labels in their order")
        if any(len(prediction.predicted) != len(self.random_seeds) for prediction in self.predictions):
            raise ValueError("not every example has one prediction for each random seed")
        if len(self.decisions) != len(self.random_seeds):
            raise ValueError("there is not one decision for each random seed")
        return self


def read_evaluation(path: Path) -> Evaluation:
    """Read what `evaluate` wrote of a system.

    Raises:
        DataError: The file is missing, or is not what `evaluate` writes now.
    """
    return read_output(path, Evaluation, stage=f"evaluate@{path.stem}")
