"""One example in each response, each prompt showing all that were accepted before (Li, Dai and Li 2025)."""

from relseed.generation.method import MethodSettings as Settings  # the entry has no other settings
from relseed.generation.units import Unit

__all__ = ["Settings", "write"]


async def write(unit: Unit) -> None:
    """Ask for one example after another, until there are enough."""
    shown = list(unit.demonstrations)
    while unit.missing:
        shown += await unit.ask(1, shown)
