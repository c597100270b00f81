"""Other wordings of what another method wrote about entity tuples (AmalREC: templates, and paraphrasers on top)."""

from relseed.generation.method import Method, Target
from relseed.generation.method import MethodSettings as Settings  # `about` is the file of what is to be reworded
from relseed.generation.units import Unit, tuple_targets

__all__ = ["Settings", "targets", "write"]


def targets(method: Method) -> list[Target]:
    """The accepted sentences of each label, one at a time.

    Raises:
        UserError: There is none, or the file cannot be read.
    """
    return tuple_targets(method, method.drafts(), 1)


async def write(unit: Unit) -> None:
    """Ask for another wording, and again where it does not pass, as often as may be."""
    while left := list(unit.target.tuples)[: unit.missing]:
        await unit.ask_about(left, 1)
