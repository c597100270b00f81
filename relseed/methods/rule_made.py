"""Examples of the negative label that are made from seeds by rule; no LLM is asked."""

import random
from typing import Any

from relseed.generation.method import Method, MethodEntry
from relseed.pipeline.errors import UserError

# What is made of the seeds has their texts.
WITHOUT = ("copy", "near_copy", "duplicate", "near_duplicate", "masked_near_copy", "masked_near_duplicate")


class Settings(MethodEntry):
    """An entry of `methods` with this loop; `per_label` counts those of each unit, at most."""

    kind: str  # how they are made, one of the task's `derived_kinds`
    seed: int  # of which of them are taken, where there are more than per_label


def make(method: Method) -> dict[str, list[Any]]:
    """What is made of each unit: a label that is nearly stated, or a surface such as a pair of types.

    Raises:
        UserError: The task does not know the kind, or the seeds have nothing for it.
    """
    settings, task = method.settings, method.task
    if settings.kind not in task.derived_kinds:
        known = ", ".join(task.derived_kinds) or "none"
        raise UserError(f"methods.{method.name}.kind is {settings.kind!r}, the task {task.name} knows {known}")
    units: dict[str, dict[str, Any]] = {}
    for made in task.derived(settings.kind, method.schema, method.rules.seeds):
        units.setdefault(made.unit, {})[made.text] = made  # seeds may share a sentence
    if not units:
        raise UserError(f"the method {method.name} finds nothing in the seeds to make {settings.kind} of: leave it out")
    made_of = {unit: list(found.values()) for unit, found in units.items()}
    for unit, found in made_of.items():
        random.Random(f"{settings.seed}/{unit}").shuffle(found)
        del found[settings.per_label :]
    return made_of
