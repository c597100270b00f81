"""An encoder-decoder model (T5, Flan-T5, BART) in this process, in batches: it turns one text into another.

Responses are not held to a schema: the tokenizers of these models cannot be asked for each byte. What a response must
hold is for its parser to say.
"""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import torch
from pydantic import PositiveInt
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, LogitsProcessorList

from relseed.llm.engines.batches import BatchQueue, before_end
from relseed.llm.engines.engine import Engine, Setup
from relseed.llm.engines.sampling import ConstrainedSampler
from relseed.llm.request import Request, Response
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Section


class Seq2Seq(Section):
    """How to run a model in this process."""

    batch_size: PositiveInt  # requests that are answered together


@asynccontextmanager
async def opened(setup: Setup) -> AsyncIterator["Seq2SeqEngine"]:
    """The model in this process."""
    settings = setup.params.section("engines.seq2seq", Seq2Seq)
    yield Seq2SeqEngine(settings.batch_size, setup.model, setup.revision)


class Seq2SeqEngine(Engine):
    """Responses by `generate` of one model; requests that wait at the same time share a batch."""

    name = "seq2seq"
    is_record = False

    def __init__(self, batch_size: int, model: str, revision: str | None) -> None:
        """Load the model, from a folder or the Hugging Face cache.

        Raises:
            UserError: It is not there.
        """
        self._model, self._tokenizer = load_seq2seq(model, revision)
        self._name, self._queue = model, BatchQueue(self._respond, batch_size)

    async def complete(self, request: Request) -> Response:
        """The response, once its batch is done."""
        return await self._queue.complete(request)

    def halt(self) -> None:
        """Finish the batch that is being worked on, and nothing else."""
        self._queue.halt()

    @torch.inference_mode()
    def _respond(self, requests: Sequence[Request]) -> list[Response]:
        start, end = time.monotonic(), self._model.config.eos_token_id
        texts = ["\n\n".join(message.content for message in request.messages) for request in requests]
        prompts = self._tokenizer(texts, padding=True, truncation=True, return_tensors="pt").to(self._model.device)
        unconstrained = [request.model_copy(update={"response_schema": None}) for request in requests]
        written = self._model.generate(
            input_ids=prompts["input_ids"],
            attention_mask=prompts["attention_mask"],
            do_sample=False,  # the sampling is in the processor, by each request's own seed
            num_beams=1,
            max_new_tokens=max(request.max_tokens for request in requests),
            logits_processor=LogitsProcessorList([ConstrainedSampler(unconstrained, None, end)]),
        )[:, 1:]  # without the token that starts a response
        seconds = round(time.monotonic() - start, 3)
        asked = prompts["attention_mask"].sum(1).tolist()
        return [
            self._response(ids, request, prompt_tokens, seconds)
            for ids, request, prompt_tokens in zip(written.tolist(), requests, asked, strict=True)
        ]

    def _response(self, ids: list[int], request: Request, prompt_tokens: int, seconds: float) -> Response:
        kept, ended = before_end(ids, self._model.config.eos_token_id, request.max_tokens)
        return Response(
            text=self._tokenizer.decode(kept, skip_special_tokens=True).strip(),
            finish="stop" if ended else "length",
            prompt_tokens=prompt_tokens,
            completion_tokens=len(kept) + ended,
            seconds=seconds,
            engine=self.name,
            model=self._name,
        )


def load_seq2seq(name: str, revision: str | None) -> tuple[Any, Any]:
    """A model in fp32 and its tokenizer, from a folder or the Hugging Face cache.

    Raises:
        UserError: It is not there.
    """
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(name, revision=revision, trust_remote_code=False)
        model: Any = AutoModelForSeq2SeqLM.from_pretrained(
            name, revision=revision, dtype="float32", trust_remote_code=False
        )
    except (OSError, ValueError) as error:  # a ValueError where the model has no encoder and decoder
        raise UserError(
            f"no encoder-decoder model {name!r}: name a folder, or a model of the Hugging Face Hub ({error})"
        ) from error
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval(), tokenizer
