"""A sentence about each of some entity tuples (AmalREC): from the names alone, from paragraphs about them, from drafts.

What a tuple comes with is shown: a paragraph about each entity (extended context), sentences to make one of (fusion).
"""

from pydantic import PositiveInt

from relseed.generation.method import Method, MethodSettings, Target
from relseed.generation.units import Unit, tuple_targets


class Settings(MethodSettings):
    """An entry of `methods` with this loop; `per_label` counts the tuples of each label."""

    per_request: PositiveInt  # tuples of one request
    reasoning: bool  # words on how the sentence will say it come before it, and are kept with the candidate


def targets(method: Method) -> list[Target]:
    """The tuples of each label, `per_request` at a time.

    Raises:
        UserError: There is none, or the file of tuples cannot be read.
    """
    return tuple_targets(method, method.tuples(), method.settings.per_request)


async def write(unit: Unit) -> None:
    """Ask about all, then about those that have no sentence yet, as often as may be."""
    left = list(unit.target.tuples)
    while left := left[: unit.missing]:
        left = await unit.ask_about(left, len(left))
