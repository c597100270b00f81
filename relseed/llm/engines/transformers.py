"""A causal model in this process, in batches, its responses held to their JSON schema token by token."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from functools import cached_property
from typing import Any

import llguidance
import llguidance.hf
import torch
from pydantic import PositiveInt
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DynamicCache,
    LogitsProcessorList,
    PreTrainedTokenizerBase,
)

from relseed.llm.engines.batches import BatchQueue, before_end
from relseed.llm.engines.engine import Engine, Setup
from relseed.llm.engines.sampling import ConstrainedSampler
from relseed.llm.engines.weights import weights_path
from relseed.llm.request import Message, Request, RequestFailedError, Response, split_thoughts
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Section

_AT_A_TIME = 16  # tokens of each response, before those that have ended leave the batch


class Transformers(Section):
    """How to run a model in this process."""

    batch_size: PositiveInt  # requests that are answered together


@asynccontextmanager
async def opened(setup: Setup) -> AsyncIterator["TransformersEngine"]:
    """The model in this process."""
    settings = setup.params.section("engines.transformers", Transformers)
    yield TransformersEngine(settings, setup.model, setup.revision, setup.adapters)


class TransformersEngine(Engine):
    """Responses by `generate` of one model; requests that wait at the same time share a batch."""

    name = "transformers"
    is_record = False

    def __init__(self, settings: Transformers, model: str, revision: str | None, adapters: Mapping[str, str]) -> None:
        """Load the model, from a folder or the Hugging Face cache, and the LoRA adapters on it, folders by name.

        Raises:
            UserError: It is not there.
        """
        loaded, self._tokenizer = load_causal_model(model, revision)
        for name, folder in adapters.items():
            loaded = _with_adapter(loaded, name, folder)
        self._adapters, self._model = frozenset(adapters), loaded.eval()
        self._name, self._queue = model, BatchQueue(self._respond, settings.batch_size)

    async def complete(self, request: Request) -> Response:
        """The response, once its batch is done."""
        return await self._queue.complete(request)

    def halt(self) -> None:
        """Finish the batch that is being worked on, and nothing else."""
        self._queue.halt()

    @cached_property
    def _grammars(self) -> llguidance.LLTokenizer:
        vocabulary = self._model.config.vocab_size
        return llguidance.hf.from_tokenizer(self._tokenizer, n_vocab=vocabulary)

    def _using(self, adapter: str | None) -> AbstractContextManager[None]:
        if adapter is None:
            return self._model.disable_adapter() if self._adapters else nullcontext()
        self._model.set_adapter(adapter)
        return nullcontext()

    @torch.inference_mode()
    def _respond(self, requests: Sequence[Request]) -> list[Response | RequestFailedError]:
        start = time.monotonic()
        prompts = self._tokenizer(
            [prompt_text(self._tokenizer, request.messages) for request in requests],
            padding=True,
            add_special_tokens=False,
            return_tensors="pt",
        ).to(self._model.device)
        most = max(request.max_tokens for request in requests)
        if problem := self._too_long(prompts["input_ids"].shape[1] + most):
            if len(requests) == 1:
                return [problem]
            return [response for request in requests for response in self._respond([request])]
        constrained = any(request.response_schema is not None for request in requests)
        sampler = ConstrainedSampler(requests, self._grammars if constrained else None, self._tokenizer.eos_token_id)
        with self._using(requests[0].adapter):
            written = self._written(prompts, sampler, most)
        seconds = round(time.monotonic() - start, 3)
        asked = prompts["attention_mask"].sum(1).tolist()
        return [
            self._response(ids, request, prompt_tokens, seconds)
            for ids, request, prompt_tokens in zip(written, requests, asked, strict=True)
        ]

    def _written(self, prompts: Any, sampler: ConstrainedSampler, most: int) -> list[list[int]]:
        """The tokens after each prompt, `most` at most, a few at a time: a response that has ended leaves the batch."""
        ids, mask, cache = prompts["input_ids"], prompts["attention_mask"], DynamicCache(config=self._model.config)
        written: list[list[int]] = [[] for _ in ids]
        rows = list(range(len(written)))
        for done in range(0, most, _AT_A_TIME):
            longer = self._model.generate(
                input_ids=ids,
                attention_mask=mask,
                past_key_values=cache,
                do_sample=False,  # the sampling is in `sampler`, by each request's own seed
                max_new_tokens=min(_AT_A_TIME, most - done),
                logits_processor=LogitsProcessorList([sampler]),
                pad_token_id=self._tokenizer.pad_token_id,
            )
            new = longer[:, ids.shape[1] :]
            for row, tokens in zip(rows, new.tolist(), strict=True):
                written[row] += tokens
            going = [at for at, row in enumerate(rows) if self._tokenizer.eos_token_id not in written[row]]
            if not going:
                break
            sampler.keep(going)
            cache.batch_select_indices(torch.tensor(going, device=ids.device))
            rows, ids = [rows[at] for at in going], longer[going]
            mask = torch.cat([mask, torch.ones_like(new)], dim=1)[going]
        return written

    def _too_long(self, tokens: int) -> RequestFailedError | None:
        limit = getattr(self._model.config, "max_position_embeddings", None)
        if limit is None or tokens <= limit:
            return None
        problem = f"{self._name} has room for {limit} tokens, prompt and response may take {tokens}: show less"
        return RequestFailedError("too_long", problem)

    def _response(self, ids: list[int], request: Request, prompt_tokens: int, seconds: float) -> Response:
        kept, ended = before_end(ids, self._tokenizer.eos_token_id, request.max_tokens)
        thoughts, text = split_thoughts(self._tokenizer.decode(kept, skip_special_tokens=True))
        return Response(
            text=text,
            finish="stop" if ended else "length",
            prompt_tokens=prompt_tokens,
            completion_tokens=len(kept) + ended,
            seconds=seconds,
            engine=self.name,
            model=self._name,
            thoughts=thoughts,
        )


def _with_adapter(model: Any, name: str, folder: str) -> Any:
    """The model with one more adapter.

    Raises:
        UserError: There is no adapter in the folder, or it is one of another model.
    """
    from peft import PeftModel  # late: it takes seconds to load, and only tuned models need it

    try:
        if not isinstance(model, PeftModel):
            return PeftModel.from_pretrained(model, folder, adapter_name=name)
        model.load_adapter(folder, adapter_name=name)
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(
            f"{folder} holds no LoRA adapter of this model ({error}): build it with `dvc repro dpo`"
        ) from error
    return model


def load_causal_model(name: str, revision: str | None) -> tuple[Any, Any]:
    """A model and its tokenizer, which pads on the left: from a folder, a package or the Hugging Face cache.

    Raises:
        UserError: It is not there.
    """
    path = weights_path(name, revision)
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(
            path, revision=revision, padding_side="left", trust_remote_code=False
        )
        model: Any = AutoModelForCausalLM.from_pretrained(
            path, revision=revision, dtype=_dtype(), trust_remote_code=False
        )
    except (OSError, ValueError) as error:  # a ValueError where the model is not a causal one
        raise UserError(
            f"no causal model {name!r}: name a folder, or a model of the Hugging Face Hub ({error})"
        ) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model.to("cuda" if torch.cuda.is_available() else "cpu"), tokenizer


def _dtype() -> str:
    """`auto`, as the weights are stored; float32 on a processor without AMX, where bf16 takes twice as long."""
    return "auto" if torch.cuda.is_available() or torch.cpu.get_capabilities().get("amx_bf16") else "float32"


def prompt_text(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> str:
    """A conversation as the model reads it, up to where its answer begins."""
    if tokenizer.chat_template is None:
        return "\n\n".join(message.content for message in messages) + "\n\n"
    turns = [message.model_dump() for message in messages]
    return str(tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False))
