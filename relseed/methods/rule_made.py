"""Examples of the negative label that are made from seeds by rule; no LLM is asked."""

import random
from collections.abc import Iterator

from relseed.generation.exchanges import Exchange
from relseed.generation.method import Method, MethodEntry
from relseed.pipeline.errors import UserError
from relseed.records.candidates import Candidate, candidate_id, request_id
from relseed.tasks.task import Derived


class Settings(MethodEntry):
    """An entry of `methods` with this loop; `per_label` counts those of each unit, at most."""

    kind: str  # how they are made, one of the task's `derived_kinds`
    seed: int  # of which of them are taken, where there are more than per_label


def make(method: Method) -> Iterator[Exchange]:
    """The candidates of each unit: a label that is nearly stated, or a surface such as a pair of types.

    Raises:
        UserError: The schema has no negative label, or the task does not know the kind.
    """
    settings, task, negative = method.settings, method.task, method.schema.negative
    if negative is None:
        raise UserError(f"the method {method.name} makes examples of the negative label, and the schema has none")
    if settings.kind not in task.derived_kinds:
        known = ", ".join(task.derived_kinds) or "none"
        raise UserError(f"methods.{method.name}.kind is {settings.kind}, the task {task.name} knows {known}")
    units: dict[str, list[Derived]] = {}
    for each in task.derived(settings.kind, method.schema, method.rules.seeds):
        units.setdefault(each.unit, []).append(each)
    if not units:
        raise UserError(f"the method {method.name} finds nothing in the seeds to make {settings.kind} of: leave it out")
    for unit, found in units.items():
        random.Random(f"{settings.seed}/{unit}").shuffle(found)
        request = request_id(method.name, unit, 0)
        candidates = [
            Candidate(
                id=candidate_id(request, number), method=method.name, label=negative, text=each.text, fields=each.fields
            )
            for number, each in enumerate(found[: settings.per_label])
        ]
        yield Exchange(id=request, request=None, response=None, candidates=tuple(candidates))
