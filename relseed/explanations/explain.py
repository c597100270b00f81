"""Having seeds explained: how often to ask about each, and what became of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import PositiveInt

from relseed.explanations.explanation import Explanation
from relseed.explanations.prompt import METHOD, ExplanationPrompt
from relseed.generation.exchanges import Exchange
from relseed.generation.runner import CostEstimate, RequestRunner
from relseed.llm.client import Client
from relseed.llm.llm import LLM
from relseed.llm.request import Request
from relseed.pipeline.params import Section
from relseed.records.candidates import Rejected, request_id


class Explain(Section):
    """Which LLM explains the seeds, how often and how long."""

    llm: str  # an entry of `llms`
    reads: Path  # recorded responses, where the engine of the LLM is `batch`
    attempts: PositiveInt  # at one seed, until an explanation passes its rules
    max_tokens: PositiveInt  # of a response


@dataclass
class Attempts:
    """All that was asked and answered about one seed."""

    exchanges: list[Exchange] = field(default_factory=list)
    outcomes: list[Explanation | Rejected] = field(default_factory=list)


def first_requests(prompts: Sequence[ExplanationPrompt], settings: Explain, llm: LLM) -> Iterator[Request]:
    """What is asked of each seed first."""
    return (_request(prompt, 0, settings, llm)[1] for prompt in prompts)


async def explain(prompts: Sequence[ExplanationPrompt], settings: Explain, llm: LLM, client: Client) -> list[Attempts]:
    """Explain all seeds, side by side.

    Raises:
        UserError: Not every request was answered.
    """
    estimate = CostEstimate.of(first_requests(prompts, settings, llm))
    print(estimate.describe(client.engine.name, client.prices), flush=True)
    runner = RequestRunner(client, "explain", len(prompts))
    return await runner.run([_attempt(prompt, runner, settings, llm) for prompt in prompts])


async def _attempt(prompt: ExplanationPrompt, runner: RequestRunner, settings: Explain, llm: LLM) -> Attempts:
    """Ask about one seed until an explanation passes, or the attempts are used up."""
    attempts = Attempts()
    for number in range(settings.attempts):
        id, request = _request(prompt, number, settings, llm)
        attempts.exchanges.append(await runner.send(id, request, prompt.parse))
        attempts.outcomes += map(prompt.apply_rules, attempts.exchanges[-1].candidates)
        if any(isinstance(outcome, Explanation) for outcome in attempts.outcomes):
            runner.count_accepted(1)
            break
    return attempts


def _request(prompt: ExplanationPrompt, number: int, settings: Explain, llm: LLM) -> tuple[str, Request]:
    id = request_id(METHOD, prompt.seed.id, number)
    own = llm.for_label(prompt.seed.relation)
    return id, own.request(id, prompt.messages(), prompt.response_schema(), settings.max_tokens)
