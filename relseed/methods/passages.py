"""Sentences as news has them, with every name marked and all that is stated listed: each pair becomes an example.

What is stated of one pair stands beside pairs of which nothing is stated, in the same sentence. Those are examples of
the negative label, and are asked for by no request of their own.
"""

from pydantic import PositiveInt, field_validator

from relseed.generation.method import MethodSettings, Unit


class Settings(MethodSettings):
    """An entry of `methods` with this loop."""

    per_request: PositiveInt  # sentences that one response is to hold

    @field_validator("negatives")
    @classmethod
    def _is_empty(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        if kinds:
            raise ValueError("no sentence is asked for that states nothing: leave it empty, other pairs state nothing")
        return kinds


async def write(unit: Unit) -> None:
    """Ask for sentences that state the label, until enough pairs that have it are there."""
    await unit.ask_for_missing(unit.settings.per_request)
