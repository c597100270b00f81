"""What became of candidates, and what the responses took, counted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from relseed.generation.exchanges import Exchange
from relseed.llm.prices import Prices
from relseed.records.candidates import Rejected


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and money; None where an engine did not count, or where there are no prices."""

    prompt_tokens: int | None
    completion_tokens: int | None
    cost: float | None


def usage_of(exchanges: Sequence[Exchange], prices: Prices) -> Usage:
    """What the responses among `exchanges` took, at these prices."""
    responses = [exchange.response for exchange in exchanges if exchange.response]
    prompt = _sum([response.prompt_tokens for response in responses])
    completion = _sum([response.completion_tokens for response in responses])
    cost = None if prompt is None or completion is None else prices.cost(prompt, completion)
    return Usage(prompt, completion, cost)


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def rejection_table(rejected: Sequence[Rejected], accepted: int) -> list[str]:
    """How many candidates each rule rejected, most first, then what was accepted: lines of text."""
    counts = Counter(candidate.rule for candidate in rejected)
    rows = [*((name, count) for name, count in counts.most_common()), ("accepted", accepted)]
    total = len(rejected) + accepted
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}} {count:6,} {count / max(1, total):7.1%}" for name, count in rows]
