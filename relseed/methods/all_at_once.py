"""Many examples in each response (Xu et al. 2023; TKRE's schema-constrained generation)."""

from pydantic import PositiveInt

from relseed.generation.method import MethodSettings, Unit


class Settings(MethodSettings):
    """An entry of `methods` with this loop."""

    per_request: PositiveInt  # examples that one response is to hold


async def write(unit: Unit) -> None:
    """Ask for what is missing, all its requests at the same time, until it is there."""
    size = unit.settings.per_request
    while missing := unit.missing:
        counts = [min(size, missing - done) for done in range(0, missing, size)]
        await unit.ask_together([(count, unit.shuffled(number)) for number, count in enumerate(counts, unit.next)])
