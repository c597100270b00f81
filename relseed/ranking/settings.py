"""An entry of `rankings`: whose examples are ranked, by what, and whether the best are blended."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from relseed.methods.per_tuple import Settings as PerTuple
from relseed.pipeline.params import Section


class Blend(PerTuple):
    """How blends are asked for: as a method that is shown the best candidates of each tuple as drafts."""

    drafts: int = Field(ge=2)  # of the best candidates of a tuple, at most
    # Whose candidates are drafts, and by which criteria they are the best: without those that a training decides, the
    # drafts are the same on every machine, and recorded responses are found.
    methods: tuple[str, ...] = Field(min_length=2)
    weights: dict[str, NonNegativeFloat] = Field(min_length=1)
    # What the ranking decides.
    loop: Literal["per_tuple"] = "per_tuple"
    reads: Literal[""] = ""
    about: Literal[""] = ""
    per_label: Literal[1_000_000] = 1_000_000
    negatives: tuple[Literal["co_occurrence"]] = ("co_occurrence",)
    reasoning: Literal[False] = False


class Ranking(Section):
    """An entry of `rankings`."""

    reads: str  # the folder of scores
    recorded: str  # responses of the LLM that blends
    methods: tuple[str, ...] = Field(min_length=1)  # whose accepted examples are ranked
    # How the index is made of the ranks by each criterion: their mean, or a random number (a baseline).
    order: Literal["arithmetic", "geometric", "random"]
    weights: dict[str, NonNegativeFloat] = Field(min_length=1)  # of criteria in the mean
    within: Literal["tuple", "relation"]  # whose candidates a criterion's ranks are among
    gate: dict[str, float]  # the least score of a candidate, by criterion
    best_methods: PositiveInt | None  # of each relation, by their mean index: others are dropped (None: all stay)
    seed: int  # of the random order
    blend: Blend | None

    @model_validator(mode="after")
    def _has_a_weight(self) -> "Ranking":
        if not sum(self.weights.values()):
            raise ValueError("all weights are 0: give a criterion one")
        return self

    @property
    def of_drafts(self) -> "Ranking":
        """How drafts of a blend are ranked."""
        assert self.blend is not None
        changes = {"methods": self.blend.methods, "weights": self.blend.weights, "order": "arithmetic"}
        return self.model_copy(update=changes | {"within": "tuple", "gate": {}, "best_methods": None})

    @property
    def criteria(self) -> tuple[str, ...]:
        """The criteria whose scores it reads: those with a weight, or in the gate."""
        weighted = [*self.weights.items(), *(self.blend.weights.items() if self.blend else ())]
        return tuple(dict.fromkeys((*(name for name, weight in weighted if weight), *self.gate)))
