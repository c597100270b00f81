"""Many examples in each response (Xu et al. 2023; TKRE's schema-constrained generation)."""

from pydantic import PositiveInt

from relseed.generation.method import MethodSettings
from relseed.generation.units import Unit


class Settings(MethodSettings):
    """An entry of `methods` with this loop."""

    per_request: PositiveInt  # examples that one response is to hold


async def write(unit: Unit) -> None:
    """Ask for what is missing, all its requests at the same time, until it is there."""
    await unit.ask_for_missing(unit.settings.per_request)
