"""Templates of a relation that an LLM writes once, filled with entity tuples (AmalREC's first paradigm)."""

from pydantic import PositiveInt

from relseed.generation.method import Method, MethodSettings, Target
from relseed.generation.units import Unit, tuple_targets

WITHOUT = ("near_duplicate", "masked_near_duplicate")  # sentences of one template differ in their names alone


class Settings(MethodSettings):
    """An entry of `methods` with this loop; `per_label` counts the tuples of each label."""

    templates: PositiveInt  # of each label, filled in turn


def targets(method: Method) -> list[Target]:
    """All tuples of each label.

    Raises:
        UserError: There is none, or the file of tuples cannot be read.
    """
    return tuple_targets(method, method.tuples(), None)


async def write(unit: Unit) -> None:
    """Ask for templates, and again where some tuples have no sentence that passes, as often as may be."""
    left = list(unit.target.tuples)
    while left := left[: unit.missing]:
        left = await unit.ask_about(left, unit.settings.templates)
