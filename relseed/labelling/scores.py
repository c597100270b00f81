"""How well an LLM labelled test examples itself, and what extractors score on the same examples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from relseed.evaluation.bootstrap import Interval, difference, interval
from relseed.evaluation.f1 import micro_f1, score
from relseed.evaluation.record import Evaluation, Spread
from relseed.labelling.record import LLMLabel

_NONE = ""  # predicted where an answer means no label and the schema has no negative one: always wrong


@dataclass(frozen=True, slots=True)
class Beside:
    """A system on the examples that an LLM labelled."""

    micro_f1: float  # mean over random seeds
    difference: float  # of the system from the LLM
    interval: Interval  # of the difference, over examples


@dataclass(frozen=True, slots=True)
class LabellerScores:
    """The scores of a labeller, 0 to 1.

    An answer that means no label counts as the negative one, as DSARE and GPT-RE have it: it costs recall.
    """

    items: int
    micro_f1: Spread
    precision: float
    recall: float
    micro_f1_parsed: float | None  # of the answers that mean a label, as Xu et al. 2023 read them; None: none does
    unparsed: float  # share of the answers that mean no label
    abstained: float  # share that says the negative label
    negatives_found: float | None  # None where no item has the negative label
    prompt_tokens: float  # per item
    completion_tokens: float
    counted: bool  # the engine counted the tokens; else they are estimates
    beside: Mapping[str, Beside]  # by system


def labeller_scores(
    labelled: Sequence[LLMLabel], systems: Mapping[str, Evaluation], *, resamples: int, seed: int
) -> LabellerScores:
    """Score a labeller; `systems`, of which there is one at least, were scored on all that it labelled.

    Args:
        labelled: What it said of each item.
        systems: Evaluations of extractors, by the names of their systems.
        resamples: Of the bootstraps behind the 95 % intervals.
        seed: Of the bootstraps.
    """
    first = next(iter(systems.values()))
    negative, labels = first.negative, first.labels
    gold = [each.label for each in labelled]
    read = [each.predicted or negative or _NONE for each in labelled]
    parsed = [each for each in labelled if each.predicted is not None]
    scores = score(gold, read, labels if _NONE not in read else (*labels, _NONE), negative)
    settings = {"resamples": resamples, "seed": seed}
    ends = interval(gold, [read], negative, **settings)
    of_negatives = [answer == negative for answer, right in zip(read, gold, strict=True) if right == negative]
    return LabellerScores(
        items=len(labelled),
        micro_f1=Spread(mean=scores.micro.f1, std=0.0, low=ends.low, high=ends.high),
        precision=scores.micro.precision,
        recall=scores.micro.recall,
        micro_f1_parsed=micro_f1([each.label for each in parsed], [str(each.predicted) for each in parsed], negative)
        if parsed
        else None,
        unparsed=1 - len(parsed) / len(labelled),
        abstained=sum(each.predicted == negative for each in parsed) / len(labelled),
        negatives_found=sum(of_negatives) / len(of_negatives) if of_negatives else None,
        prompt_tokens=sum(each.prompt_tokens for each in labelled) / len(labelled),
        completion_tokens=sum(each.completion_tokens for each in labelled) / len(labelled),
        counted=all(each.counted for each in labelled),
        beside={name: _beside(labelled, read, evaluation, settings) for name, evaluation in systems.items()},
    )


def _beside(
    labelled: Sequence[LLMLabel], read: Sequence[str], evaluation: Evaluation, settings: Mapping[str, int]
) -> Beside:
    gold, negative = [each.label for each in labelled], evaluation.negative
    known = {prediction.id: prediction.predicted for prediction in evaluation.predictions}
    theirs = list(zip(*(known[each.id] for each in labelled), strict=True))
    own = fmean(micro_f1(gold, answers, negative) for answers in theirs)
    return Beside(own, own - micro_f1(gold, read, negative), difference(gold, theirs, [read], negative, **settings))
