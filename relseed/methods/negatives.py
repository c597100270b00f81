"""Examples that state nothing: near-misses of each label, and mentions that merely occur together.

Near-misses are denied, planned, held once, are hypothetical, hold of another mention or in the other direction, or are
a fact beside the one that is asked for. What merely occurs together is asked for of every surface of an item (for
relations: pair of types) that a label other than the negative one can have.
"""

from pydantic import NonNegativeInt, PositiveInt, field_validator

from relseed.generation.method import Method, MethodSettings, Target
from relseed.generation.units import Unit, with_seeds

_BESIDE = "co_occurrence"


class Settings(MethodSettings):
    """An entry of `methods` with this loop; `per_label` counts the near-misses of each label."""

    per_request: PositiveInt  # examples that one response is to hold
    co_occurrences: NonNegativeInt  # of each surface, such as a pair of types

    @field_validator("negatives")
    @classmethod
    def _are_near_misses(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        if not kinds or _BESIDE in kinds:
            raise ValueError(f"it lists the kinds of near-misses, at least one; {_BESIDE} is asked for beside them")
        return kinds


def targets(method: Method) -> list[Target]:
    """Near-misses of each label that has seeds, then what merely occurs together, by surface.

    Raises:
        UserError: The schema has no negative label, or no label has seeds.
    """
    negative, wanted = method.negative, method.settings.co_occurrences
    stated = with_seeds(method, [label for label in method.schema.labels if label != negative])
    surfaces = method.task.surfaces(method.schema) if wanted else ()
    near = [Target(negative, method.settings.per_label, near=label) for label in stated]
    return near + [Target(negative, wanted, kind=_BESIDE, surface=surface) for surface in surfaces]


async def write(unit: Unit) -> None:
    """Ask for what is missing, all its requests at the same time, until it is there."""
    await unit.ask_for_missing(unit.settings.per_request)
