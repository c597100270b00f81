"""Having items labelled by an LLM that writes its answers."""

from collections.abc import Sequence

from relseed.generation.exchanges import Exchange
from relseed.generation.runner import CostEstimate, RequestRunner
from relseed.labelling.labeller import Labeller
from relseed.labelling.prompt import LabelPrompt
from relseed.labelling.record import LLMLabel
from relseed.llm.client import CHARACTERS_PER_TOKEN, Client, estimated_tokens
from relseed.llm.llm import LLM
from relseed.llm.request import Request
from relseed.records.candidates import request_id


def label_requests(name: str, prompts: Sequence[LabelPrompt], settings: Labeller, llm: LLM) -> list[Request]:
    """The requests for all items of a labeller, in their order."""
    own = llm.for_label("")  # the same for all: it has no adapters for each
    return [
        own.request(
            request_id(name, prompt.item.id, 0), prompt.messages(), prompt.response_schema(), settings.max_tokens
        )
        for prompt in prompts
    ]


async def label_by_answers(
    name: str, prompts: Sequence[LabelPrompt], settings: Labeller, llm: LLM, client: Client
) -> list[LLMLabel]:
    """Label all items, side by side.

    Raises:
        UserError: Not every request was answered.
    """
    requests = label_requests(name, prompts, settings, llm)
    print(CostEstimate.of(requests).describe(client.engine.name, client.prices), flush=True)
    runner = RequestRunner(client, f"label {name}", len(prompts))
    return await runner.run(
        [_label(name, prompt, request, runner) for prompt, request in zip(prompts, requests, strict=True)]
    )


async def _label(name: str, prompt: LabelPrompt, request: Request, runner: RequestRunner) -> LLMLabel:
    exchange = await runner.send(request_id(name, prompt.item.id, 0), request, lambda *_, **__: ())
    runner.count_accepted(1)
    return _read(prompt, exchange, request)


def _read(prompt: LabelPrompt, exchange: Exchange, request: Request) -> LLMLabel:
    """What the response means; a refusal means nothing."""
    response = exchange.response
    text = "" if response is None or response.refusal is not None else response.text
    asked, written = (None, None) if response is None else (response.prompt_tokens, response.completion_tokens)
    return LLMLabel(
        id=prompt.item.id,
        label=prompt.item.label,
        predicted=prompt.read(text),
        answer=text if response is None or response.refusal is None else response.refusal,
        prompt_tokens=estimated_tokens(request) if asked is None else asked,
        completion_tokens=len(text) // CHARACTERS_PER_TOKEN + 1 if written is None else written,
        counted=asked is not None and written is not None,
    )
