"""Explanations of seeds: the lines of `data/explanations.jsonl`."""

from pydantic import BaseModel, ConfigDict


class Explanation(BaseModel):
    """Why the head of a seed has its relation to the tail, in an LLM's words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str  # explain/<id of the seed>/<number of the request>
    seed: str  # id of the example
    relation: str
    text: str
    trigger: str  # the words of the sentence that carry the relation; empty where none do
