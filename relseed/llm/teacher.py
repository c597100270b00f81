"""The LLMs that explain and write: which they are, how they sample, and the way to them."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from relseed.llm.cache import Cache
from relseed.llm.client import Budget, Client, Engine
from relseed.llm.engines.batch import Batch, BatchFile
from relseed.llm.engines.openai import Endpoint, Limits, Openai
from relseed.llm.engines.vllm import Vllm, serving
from relseed.llm.request import Message, Request
from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import scratch
from relseed.pipeline.params import PARAMS, Section, section


class Teacher(Section):
    """Which model answers, through which engine, and how it samples: the frozen one."""

    engine: Literal["batch", "openai", "vllm", "transformers"]
    model: str = Field(min_length=1)  # as the engine names it
    revision: str | None  # of its weights, where it has one
    adapter: str | None  # a LoRA adapter that answers, by its name in vllm.lora
    constrained: bool  # hold answers to their JSON schema; false for an endpoint that refuses response_format
    temperature: float = Field(ge=0)
    top_p: float = Field(gt=0, le=1)
    licence: str  # of what it writes, as you declare it
    seed: NonNegativeInt  # each request gets a seed of its own, made from this one

    @model_validator(mode="after")
    def _adapter_is_served(self) -> "Teacher":
        if self.adapter is not None and self.engine == "transformers":
            raise ValueError("the engine transformers takes no adapter: merge it into the model, or use vllm")
        return self

    def request(
        self, id: str, messages: tuple[Message, ...], answer: dict[str, Any] | None, max_tokens: int
    ) -> Request:
        """The request named `id`, unique in a run, to be answered as the JSON schema `answer` says, if there is one."""
        digest = hashlib.sha256(f"{self.seed}/{id}".encode()).digest()
        return Request(
            model=self.model,
            revision=self.revision,
            adapter=self.adapter,
            messages=messages,
            answer=answer if self.constrained else None,
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=max_tokens,
            seed=int.from_bytes(digest[:4]) >> 1,  # 31 bits: not every engine takes more
        )


class Generator(Teacher):
    """The LLM that DPO tunes, and that then writes; its adapters are those that were made of it."""

    engine: Literal["vllm", "transformers"]
    adapter: str | None = None  # of a request, not of params.yaml: which one depends on the relation
    prompt: Literal["instruct", "continuation"]  # for a model that follows instructions; for a small one: see `teach`
    prompt_characters: PositiveInt  # continuation: of the samples that are shown, at most

    @model_validator(mode="after")
    def _adapter_is_served(self) -> "Generator":
        if self.prompt == "continuation" and self.engine == "vllm":
            raise ValueError("vllm serves none of the models that `teach` makes: take the engine transformers")
        return self  # both engines take adapters here


@asynccontextmanager
async def open_client(
    title: str, llm: Teacher, adapters: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[Client]:
    """The way to an LLM; `title` names what is asked for, in the files of engines, `adapters` are folders by name.

    Raises:
        UserError: The engine cannot start; or, at the end, the recorded answers lack some.
    """
    budget = section(Budget)
    if llm.engine == "batch":
        recorded = BatchFile(section(Batch), title)
        free = budget.model_copy(update={"tokens": None, "cost": None})  # what is recorded was paid for
        try:
            yield Client(recorded, None, free)
        finally:
            recorded.export()
        recorded.check()
        return
    async with AsyncExitStack() as stack:
        cache = stack.enter_context(closing(Cache(scratch() / "requests.db")))
        yield Client(await _engine(llm, adapters, title, stack), cache, budget)


async def _engine(llm: Teacher, adapters: Mapping[str, str], title: str, stack: AsyncExitStack) -> Engine:
    if llm.engine == "transformers":
        from relseed.llm.engines.transformers import (  # late: it loads torch, which the other engines don't need
            Local,
            Transformers,
        )

        return Local(section(Transformers), llm.model, llm.revision, adapters)
    if llm.engine == "openai":
        url = section(Openai).url
    else:
        params, log = section(Vllm), scratch() / "vllm" / f"{title}.log"
        params = params.model_copy(update={"lora": params.lora | dict(adapters)})
        if llm.adapter is not None and llm.adapter not in params.lora:
            raise UserError(f"{PARAMS}: vllm.lora has no folder for teacher.adapter {llm.adapter!r}")
        url = await stack.enter_async_context(serving(params, llm.model, llm.revision, log))
    endpoint = Endpoint(llm.engine, url, section(Limits))
    stack.push_async_callback(endpoint.close)
    return endpoint
