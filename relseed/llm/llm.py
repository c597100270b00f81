"""LLMs by name: which model answers, through which engine, and how it is sampled."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from relseed.llm.adapters import ADAPTERS, Adapters
from relseed.llm.prices import Prices
from relseed.llm.request import Message, Request
from relseed.pipeline.params import Params, Section
from relseed.records.files import md5_of, read_output


class LLM(Section):
    """An entry of `llms`."""

    engine: str  # batch, openai, vllm or transformers: a module of relseed.llm.engines
    model: str = Field(min_length=1)  # as the engine names it: a name, or a folder
    revision: str | None = None  # of its weights, where it has one
    adapter: str | None = None  # a LoRA adapter that answers, by its name in engines.vllm.lora
    adapters: str | None = None  # a folder of LoRA adapters, one of which answers for each label
    form: Literal["chat", "continuation", "plain"]  # of its prompts: instructions, a text to go on with, or to rewrite
    prompt_characters: PositiveInt | None = None  # continuation: of the examples that are shown, at most
    structured_output: bool  # hold responses to their JSON schema; false for an endpoint that refuses response_format
    # What is null is left out of requests.
    temperature: float | None = Field(ge=0)
    top_p: float | None = Field(gt=0, le=1)
    seed: NonNegativeInt | None  # each request gets a seed of its own, made from this one
    limit_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"  # of the limit of a response's tokens
    reasoning_effort: str | None = None  # of a reasoning model: low, medium, high or whatever it knows
    licence: str  # of what it writes, as you declare it
    prices: Prices = Prices()

    @model_validator(mode="after")
    def _settings_fit(self) -> "LLM":
        if self.adapter is not None and self.engine == "transformers":
            raise ValueError("the engine transformers takes no adapter: merge it into the model, or use vllm")
        if self.form == "continuation" and self.prompt_characters is None:
            raise ValueError("the form `continuation` needs prompt_characters: how much of examples a prompt may show")
        return self

    def request(
        self, id: str, messages: tuple[Message, ...], response_schema: dict[str, Any] | None, max_tokens: int
    ) -> Request:
        """The request named `id`, unique in a run, to be answered as `response_schema` says, if there is one."""
        digest = hashlib.sha256(f"{self.seed}/{id}".encode()).digest()
        return Request(
            model=self.model,
            revision=self.revision,
            adapter=self.adapter,
            messages=messages,
            response_schema=response_schema if self.structured_output else None,
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=max_tokens,
            seed=int.from_bytes(digest[:4]) >> 1,  # 31 bits: not every engine takes more
            sends_seed=self.seed is not None,
            reasoning_effort=self.reasoning_effort,
            limit_name=self.limit_name,
        )

    def for_label(self, label: str) -> "LLM":
        """The same LLM as it writes of a label: with its adapter, if it has any, and a digest of its weights.

        The weights are part of each request: the cache must not answer for a model that was built again.
        """
        changes: dict[str, Any] = {"revision": self.weights_digest or self.revision}
        if self.adapter_map is not None:
            changes["adapter"] = self.adapter_map.by_label.get(label, next(iter(self.adapter_folders)))
        return self.model_copy(update=changes)

    @property
    def adapter_folders(self) -> dict[str, str]:
        """The folders of its adapters, by their names."""
        if self.adapter_map is None:
            return {}
        names = dict.fromkeys(self.adapter_map.by_label.values())
        return {name: str(Path(self.adapters or "") / name) for name in sorted(names)}

    @cached_property
    def adapter_map(self) -> Adapters | None:
        """Which adapter answers for each label; None where it has no adapters."""
        return None if self.adapters is None else read_output(Path(self.adapters) / ADAPTERS, Adapters, stage="dpo")

    @cached_property
    def weights_digest(self) -> str | None:
        """A digest of the weights in the folders of the model and its adapters; None for a model of the Hub."""
        return _digest([Path(self.model), *map(Path, self.adapter_folders.values())])


def _digest(folders: Sequence[Path]) -> str | None:
    files = [path for folder in folders for path in sorted(folder.glob("*.safetensors"))]
    return hashlib.sha256("".join(map(md5_of, files)).encode()).hexdigest()[:12] if files else None


def llms_of(params: Params, names: Sequence[str]) -> Mapping[str, LLM]:
    """LLMs by their names in params.yaml."""
    return {name: params.section(f"llms.{name}", LLM) for name in names}
