"""The numbers of metrics.json: what `dvc metrics` shows and what runs are compared by in MLflow."""

from collections.abc import Mapping
from typing import Any

from stages.reporting.evaluation import Evaluation


def metrics_of(systems: Mapping[str, Evaluation]) -> dict[str, dict[str, Any]]:
    """The scores (0 to 1) and the draw of each system, and the micro-F1 of each baseline beside them."""
    numbers: dict[str, dict[str, Any]] = {}
    for system, evaluation in systems.items():
        numbers[system] = evaluation.scores.model_dump(exclude_none=True) | {"draw": evaluation.draw.hash}
    baselines = next(iter(systems.values())).baselines
    return numbers | {name: baseline.model_dump(exclude_none=True) for name, baseline in baselines.items()}
