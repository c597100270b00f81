"""A labeller: an LLM that labels test examples itself, as an entry of `labellers` declares it."""

from pathlib import Path
from typing import Literal

from pydantic import NonNegativeInt, PositiveInt, model_validator

from relseed.llm.llm import LLM
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params, Section

Reading = Literal["code", "text", "score_sum", "score_mean", "score_calibrated"]


class Labeller(Section):
    """An entry of `labellers`."""

    llm: str  # an entry of `llms`
    reads: Path  # recorded responses, or the weights of its LLM; where there is nothing, the seeds
    demonstrations: Literal[
        "none", "fixed", "nearest"
    ]  # seeds shown: none, of each label, or those nearest to the item
    shots: PositiveInt | None = None  # how many: of each label (fixed), or in all (nearest)
    retriever: Path  # of the nearest: an extractor, by its states; the seeds: MiniLM, mentions masked
    reasons: bool  # each demonstration has its explanation
    explanations: Path  # that are shown as reasons; where none are, the seeds
    answer: Reading  # a code, free text that is parsed, or the score of each label's name
    items: PositiveInt | None  # test examples that are labelled, every label in its share; None: all
    max_tokens: PositiveInt  # of a response
    seed: NonNegativeInt  # of the fixed demonstrations, the order of labels, and the items

    @model_validator(mode="after")
    def _shots_where_there_are_demonstrations(self) -> "Labeller":
        if (self.demonstrations == "none") is not (self.shots is None):
            raise ValueError("`shots` says how many demonstrations are shown: leave it out for `none`, else set it")
        if self.reasons and self.demonstrations == "none":
            raise ValueError("`reasons` are those of demonstrations, and there are none")
        return self

    @property
    def scores(self) -> bool:
        """Whether each label's name gets a score, instead of the LLM writing an answer."""
        return self.answer.startswith("score_")


def read_labeller(params: Params, name: str) -> tuple[Labeller, LLM]:
    """The labeller of a name, and its LLM.

    Raises:
        UserError: There is no such labeller or LLM, or a setting does not fit.
    """
    settings = params.section(f"labellers.{name}", Labeller)
    if params.value(f"llms.{settings.llm}") is None:
        raise UserError(f"{params.path}: labellers.{name}.llm is {settings.llm}, an entry that is null: name an LLM")
    llm = params.section(f"llms.{settings.llm}", LLM)
    where = f"{params.path}: labellers.{name}"
    if llm.form != "chat" or llm.adapters is not None:
        raise UserError(f"{where}.llm is {settings.llm}: take one whose form is chat, without adapters for each label")
    if settings.scores and llm.engine != "transformers":
        raise UserError(
            f"{where}.answer is {settings.answer}: the engine {llm.engine} gives no scores, take transformers"
        )
    return settings, llm
