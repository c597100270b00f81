"""The numbers of metrics.json: what `dvc metrics` shows and what runs are compared by in MLflow."""

from collections.abc import Mapping
from typing import Any

from relseed.evaluation.record import Evaluation
from relseed.generation.summary import MethodSummary
from relseed.labelling.scores import LabellerScores
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import PARAMS
from relseed.report.labellers import labeller_numbers
from relseed.report.reliability import reliability_numbers

# Keys beside the systems: of what methods wrote, and of LLMs that labelled test examples themselves.
_METHODS, _LABELLERS = "methods", "labellers"


def metrics_of(
    systems: Mapping[str, Evaluation],
    methods: Mapping[str, MethodSummary],
    labellers: Mapping[str, LabellerScores],
) -> dict[str, dict[str, Any]]:
    """What each system scored (0 to 1), its draw and what it was trained on, the baselines, methods, and labellers.

    Of a method: counts, rejections by rule, tokens, cost per accepted example, diversity before and after the rules.

    Raises:
        UserError: A system has the name of something else in there.
    """
    numbers: dict[str, dict[str, Any]] = {}
    for system, evaluation in systems.items():
        numbers[system] = evaluation.scores.model_dump(exclude_none=True) | {
            "draw": evaluation.draw.hash,
            "trained_on": {"real": evaluation.real, "written": evaluation.written},
            "reliability": reliability_numbers(evaluation),
        }
    baselines = next(iter(systems.values())).baselines
    for taken in systems.keys() & {*baselines, _METHODS, _LABELLERS}:
        raise UserError(f"{PARAMS}: no system can be called {taken}, a key of metrics.json: give it another name")
    numbers |= {name: baseline.model_dump(exclude_none=True) for name, baseline in baselines.items()}
    written = {name: _written(summary) for name, summary in methods.items()}
    labelled = {name: labeller_numbers(scores) for name, scores in labellers.items()}
    return numbers | {key: found for key, found in ((_METHODS, written), (_LABELLERS, labelled)) if found}


def _written(summary: MethodSummary) -> dict[str, Any]:
    left_out = {"method", "model", "per_unit", "per_label", "vendi", "vendi_before"}
    numbers = summary.model_dump(exclude_none=True, exclude=left_out)
    return numbers if (balance := summary.label_balance) is None else numbers | {"label_balance": balance}
