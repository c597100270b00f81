"""What people decided about accepted examples, as `select` applies it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relseed.generation.listed import Examples, Listed
from relseed.records.reviews import Decision, hash_of
from relseed.tasks.task import Task, misfit_as

_NAMED = 3  # ids that a line of the log names


@dataclass(frozen=True, slots=True)
class Reviewed:
    """The accepted examples of a method after the decisions about them."""

    examples: Sequence[Listed]  # without those that are dropped, relabelled ones under their new label
    approved: frozenset[str]  # ids that a person kept or relabelled
    relabelled: int
    dropped: int
    unfit: Sequence[str]  # why a relabelled one is among the dropped: the schema does not allow the new label
    stale: Sequence[str]  # ids that decisions name whose example is no longer there, or is no longer as it was

    @property
    def count(self) -> int:
        """How many examples a person decided about."""
        return len(self.approved) + self.dropped


def apply_reviews(
    decisions: Mapping[str, Decision], listed: Sequence[Listed], examples: Examples, task: Task, schema: Any
) -> Reviewed:
    """Apply decisions, by id, to the accepted examples of a method, which are listed, and whole in `examples`."""
    left, approved, unfit, applied = [], set(), [], set()
    for each in listed:
        if (decision := decisions.get(each.id)) is None:
            left.append(each)
            continue
        example = examples.whole(each)
        if decision.hash != hash_of(example.label, task.segments(example)):
            left.append(each)
            continue
        applied.add(example.id)
        if decision.label and (problem := misfit_as(decision.label, example, task, schema)):
            unfit.append(f"{example.id} is dropped, it cannot be relabelled: {problem}")
        elif decision.decision != "drop":
            approved.add(example.id)
            left.append(examples.add(task.relabelled(example, decision.label)) if decision.label else each)
    relabelled = sum(decisions[id].label is not None for id in approved)
    stale = [id for id in decisions if id not in applied]
    return Reviewed(left, frozenset(approved), relabelled, len(applied) - len(approved), unfit, stale)


def describe_reviews(reviews: Mapping[str, Reviewed]) -> Iterator[str]:
    """What came of the decisions about each method's examples, in lines for the log."""
    for method, found in reviews.items():
        if found.count:
            yield f"{method}: people reviewed {found.count}, dropped {found.dropped}, relabelled {found.relabelled}"
        yield from found.unfit
        if found.stale:
            some = ", ".join(found.stale[:_NAMED])
            yield (
                f"{method}: decisions not applied, as their examples are no longer there or have changed: "
                f"{len(found.stale)} ({some}{', ...' if len(found.stale) > _NAMED else ''}); review the new ones"
            )
