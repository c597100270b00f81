"""Sentences as news has them, with every name marked and all that is stated listed: each pair becomes an example.

What is stated of one pair stands beside pairs of which nothing is stated, in the same sentence. Those are examples of
the negative label. A sentence that is asked for with a relation is written towards it; so others are free to state what
their story does, which half the time is nothing. Those are the unit of the negative label.
"""

from pydantic import NonNegativeInt, PositiveInt, field_validator

from relseed.generation.method import Method, MethodSettings, Target
from relseed.generation.units import Unit, with_seeds
from relseed.pipeline.errors import UserError


class Settings(MethodSettings):
    """An entry of `methods` with this loop."""

    per_request: PositiveInt  # sentences that one response is to hold
    free: NonNegativeInt  # sentences that no relation is asked of; more only if fewer of their pairs state nothing

    @field_validator("negatives")
    @classmethod
    def _is_empty(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        if kinds:
            raise ValueError("leave it empty: `free` says how many sentences are asked for beside those of the labels")
        return kinds


def targets(method: Method) -> list[Target]:
    """Sentences that state each label, then free ones.

    Raises:
        UserError: No label has seeds, or free sentences are wanted and the schema has no negative label.
    """
    schema, settings = method.schema, method.settings
    if settings.free and schema.negative is None:
        raise UserError(
            f"methods.{method.name}.free is {settings.free}, and the schema has no negative label, which most pairs of "
            'such sentences have: set it to 0, or mark the label that asserts nothing with `"negative": true`'
        )
    wanted = {label: settings.per_label for label in schema.labels if label != schema.negative}
    if settings.free:
        wanted[schema.negative] = settings.free
    return [Target(label, wanted[label]) for label in with_seeds(method, list(wanted))]


async def write(unit: Unit) -> None:
    """Ask for sentences until enough pairs have the label."""
    await unit.ask_for_missing(unit.settings.per_request)
