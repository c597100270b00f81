"""What each system trains on: real seeds, written sentences, or both."""

from pydantic import ConfigDict, Field, NonNegativeInt

from relseed.pipeline.errors import UserError
from relseed.pipeline.params import PARAMS, Section, section


class Mixture(Section):
    """The written sentences of one system."""

    methods: tuple[str, ...] = Field(min_length=1)  # whose accepted sentences it takes, in turn
    per_relation: NonNegativeInt  # at most, of all methods together (0: none)


class Mixtures(Section):
    """The mixture of each system that takes written sentences, by its name."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Mixture]


class Hybrid(Section):
    """Whether a system trains on the real seeds, too, by its name; without them it is pure."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, bool]


def mixture(system: str) -> Mixture:
    """The mixture of a system.

    Raises:
        UserError: params.yaml has none.
    """
    known = section(Mixtures).model_extra or {}
    if system not in known:
        raise UserError(f"{PARAMS}: mixtures.{system} is missing: say which written sentences the system takes")
    return known[system]


def hybrid(system: str) -> bool:
    """Whether a system trains on the real seeds, too.

    Raises:
        UserError: params.yaml does not say.
    """
    known = section(Hybrid).model_extra or {}
    if system not in known:
        raise UserError(f"{PARAMS}: hybrid.{system} is missing: true to train on the real seeds, too, else false")
    return known[system]
