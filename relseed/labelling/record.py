"""What an LLM answered about test examples: the lines of `results/measured/labellers/<labeller>.jsonl`."""

from pydantic import BaseModel, ConfigDict, NonNegativeInt


class LLMLabel(BaseModel):
    """One test example, and what an LLM says of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str  # of the test example
    label: str  # the right one
    predicted: str | None  # None where the answer means no label
    answer: str  # verbatim; empty where labels were scored
    prompt_tokens: NonNegativeInt
    completion_tokens: NonNegativeInt
    counted: bool  # tokens are the engine's count; else a token per three characters
