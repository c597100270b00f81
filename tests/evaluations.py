"""Made-up evaluations, summaries of methods and examples: small, and consistent as stages write them."""

from collections.abc import Sequence
from typing import Any

from relseed.datasets.draw import Draw
from relseed.evaluation.record import (
    AtShare,
    Baseline,
    Bin,
    Decided,
    Evaluation,
    LabelScores,
    Neighbour,
    Point,
    Prediction,
    Reliability,
    RiskPoint,
    Scores,
    Spread,
    TestError,
    Wire,
)
from relseed.generation.summary import MethodSummary
from relseed.quality.diversity import Diversity
from relseed.quality.duplicates import Overlap, SimilarPair
from relseed.records.candidates import Candidate, Rejected
from relseed.tasks.relation import Example
from relseed.tasks.relation.tags import untag

LABELS = ("brews", "mends", "none")

CARD: dict[str, Any] = {
    "name": "Teahouse",
    "licence": "CC0-1.0",
    "source": "a shelf",
    "notes": ["two torn pages left out"],
    "negative": "none",
    "splits": {split: {"examples": 1500, "md5": "0f" * 16} for split in ("train", "validation", "test")},
    "labels": {label: {"train": 500, "validation": 500, "test": 500} for label in LABELS},
}


def evaluation(system: str = "gold", labels: tuple[str, ...] = LABELS, **changes: Any) -> Evaluation:
    """Five test examples of the first label (one taken for the last, under each seed) and one of each other."""
    last = len(labels) - 1
    confusion = [[2 * (gold == predicted) for predicted in range(len(labels))] for gold in range(len(labels))]
    confusion[0][0], confusion[0][last] = 8, 2
    per_label = [
        LabelScores(
            label=label, precision=0.5, recall=0.75, f1=0.6, f1_std=0.02, support=5, negative=label == labels[last]
        )
        for label in labels
    ]
    return Evaluation(
        **{
            "system": system,
            "encoder": "tiny-encoder",
            "head": "typed_marker",
            "max_steps": 50,
            "random_seeds": (1, 2),
            "draw": draw(),
            "real": 22,
            "written": 0,
            "test": 4 + len(labels),
            "labels": labels,
            "negative": labels[last],
            "scores": scores(),
            "reliability": reliability(),
            "wire": None,
            "decisions": [decided(), decided(threshold=0.5)],
            "per_label": per_label,
            "confusion": confusion,
            "curves": [
                Point(seed=seed, step=step, loss=2.0 / step, micro_f1=step / 100, kept=step == 25)
                for seed in (1, 2)
                for step in (25, 50)
            ],
            "pretraining": (),
            "baselines": {
                "majority": Baseline(micro_f1=Spread(mean=0.125, std=0.0)),
                "random": Baseline(micro_f1=Spread(mean=0.1, std=0.01)),
            },
            "contamination": [Overlap("seeds", "test", (SimilarPair("train-3", "test-9", 0.875, same=False),))],
            "predictions": [
                Prediction(id="test-1", label=labels[0], predicted=(labels[0], labels[last]), probability=(0.75, 0.5))
            ],
            "errors": [error(labels[0], labels[last])],
            **changes,
        }
    )


def error(label: str, predicted: str, **changes: Any) -> TestError:
    """A wrong answer about the first test example."""
    values: dict[str, Any] = {
        "id": "test-1",
        "seed": 2,
        "label": label,
        "predicted": predicted,
        "probability": 0.5,
        "label_probability": 0.25,
        "segments": [("Ida", "head", None), (" brewed ", None, None), ("tea", "tail", None)],
        "nearest": [
            Neighbour(
                id="train-3",
                label=predicted,
                origin="seed",
                similarity=0.875,
                segments=(("Ole", "head", None), (" mends ", None, None), ("cups", "tail", None)),
            )
        ],
    }
    return TestError(**values | changes)


def draw(**changes: Any) -> Draw:
    """A draw of which one label fell short."""
    values: dict[str, Any] = {
        "hash": "0123456789ab",
        "shots": 8,
        "seed": 3,
        "train": 22,
        "validation": 24,
        "fewer_than_shots": {"mends": 6},
        "validation_fewer_than_shots": {},
        "contamination": Overlap("seeds", "validation", ()),
    }
    return Draw(**values | changes)


def scores(**changes: Any) -> Scores:
    """Scores of two random seeds."""
    values = {
        "micro_f1": Spread(mean=0.651, std=0.012, low=0.61, high=0.69),
        "micro_precision": Spread(mean=0.64, std=0.02),
        "micro_recall": Spread(mean=0.66, std=0.03),
        "macro_f1": Spread(mean=0.62, std=0.04),
        "accuracy": Spread(mean=0.7, std=0.05),
    }
    return Scores(**values | changes)


def reliability(**changes: Any) -> Reliability:
    """What can be relied on, at two shares of the negative label."""
    at_80 = AtShare(
        negatives=0.8,
        precision=Spread(mean=0.3, std=0.01, low=0.25, high=0.35),
        f1=Spread(mean=0.4, std=0.02, low=0.36, high=0.44),
    )
    at_20 = at_80.model_copy(update={"negatives": 0.2, "f1": Spread(mean=0.7, std=0.0, low=0.6, high=0.8)})
    values: dict[str, Any] = {
        "negatives_found": Spread(mean=0.75, std=0.05),
        "false_alarms": Spread(mean=25.0, std=5.0),
        "at_share": (at_20, at_80),
        "calibration_error": Spread(mean=0.0625, std=0.01),
        "bins": (Bin(probability=0.55, accuracy=0.5, count=4), Bin(probability=0.9, accuracy=1.0, count=10)),
        "risk_coverage": (RiskPoint(coverage=0.5, risk=0.0), RiskPoint(coverage=1.0, risk=0.25)),
    }
    return Reliability(**values | changes)


def unreliable() -> Reliability:
    """The same where the test set has no negative label."""
    return reliability(negatives_found=None, false_alarms=None, at_share=())


def wire() -> Wire:
    """Scores on running text."""
    each = dict.fromkeys(
        ("precision", "recall", "raw_precision", "raw_recall", "raw_f1_exact"), Spread(mean=0.5, std=0.0)
    )
    f1, raw = Spread(mean=0.5, std=0.0, low=0.4, high=0.6), Spread(mean=0.25, std=0.0)
    return Wire(pairs=40, stated=8, negatives_found=Spread(mean=0.9, std=0.0), f1=f1, raw_f1=raw, **each)


def decided(**changes: Any) -> Decided:
    """What turned logits into answers."""
    values: dict[str, Any] = {
        "temperature": 1.25,
        "bias": -0.5,
        "negatives": 0.2,
        "score": "probability",
        "threshold": 0.75,
        "least_similarity": 0.5,
        "fitted_on": {"real": 20, "written": 0},
        "held_out": {"calibration_error": 0.05},
    }
    return Decided(**values | changes)


DIVERSITY = Diversity(
    distinct_1=0.25,
    distinct_2=0.75,
    self_bleu=0.125,
    distance=0.5,
    distance_masked=0.375,
    distinct_masked=0.875,
    vendi=7.5,
    vendi_masked=6.5,
)


def summary(method: str = "all_at_once", **changes: Any) -> MethodSummary:
    """Three of five candidates accepted, for money."""
    values: dict[str, Any] = {
        "method": method,
        "model": "scribe",
        "requests": 4,
        "refused": 1,
        "candidates": 5,
        "accepted": 3,
        "rejected": {"length": 1, "copy": 1},
        "per_unit": {"brews": 2, "mends": 1},
        "per_label": {"brews": 2, "mends": 1},
        "prompt_tokens": 1200,
        "completion_tokens": 300,
        "cost": 0.003,
        "cost_per_accepted": 0.001,
        "before": DIVERSITY,
        "after": DIVERSITY,
        "vendi_before": {"brews": 1.8},
        "vendi": {"brews": 1.9},
    }
    return MethodSummary(**values | changes)


def accepted(
    tagged: str = "<e1>Ida</e1> brewed <e2>tea</e2>.", number: int = 0, types: Sequence[str] = (), **changes: Any
) -> Example:
    """A sentence, given with its tags and the types of head and tail, that passed the rules."""
    fields: dict[str, Any] = {"method": "all_at_once", "relation": "brews"} | changes
    sentence = untag(tagged).model_dump(exclude_unset=True)
    for role, type in zip(("head", "tail"), types, strict=False):
        sentence[role]["type"] = type
    id = f"{fields['method']}/{fields['relation']}/0/{number}"
    return Example.model_validate({"id": id, **sentence, **fields})


def rejected(
    text: str = "Ole mends cups.",
    number: int = 1,
    *,
    rule: str = "mention_missing",
    reason: str = "no tag",
    **changes: Any,
) -> Rejected:
    """A candidate that a rule rejected."""
    named: dict[str, Any] = {"method": "all_at_once", "label": "mends"} | changes
    id = f"{named['method']}/{named['label']}/0/{number}"
    return Rejected(candidate=Candidate(id=id, text=text, **named), rule=rule, reason=reason)
