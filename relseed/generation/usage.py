"""What became of candidates, and what the responses took, counted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from relseed.generation.exchanges import Exchange
from relseed.llm.prices import Prices
from relseed.llm.request import Response


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and money; None where an engine did not count, or where there are no prices."""

    prompt_tokens: int | None
    completion_tokens: int | None
    cost: float | None


@dataclass(slots=True)
class Tokens:
    """Tokens of the responses so far; None from the first one on that an engine did not count."""

    prompt: int | None = 0
    completion: int | None = 0

    def add(self, response: Response) -> None:
        """Count a response."""
        self.prompt = _sum(self.prompt, response.prompt_tokens)
        self.completion = _sum(self.completion, response.completion_tokens)

    def usage(self, prices: Prices) -> Usage:
        """What they took, at these prices."""
        if self.prompt is None or self.completion is None:
            return Usage(self.prompt, self.completion, None)
        return Usage(self.prompt, self.completion, prices.cost(self.prompt, self.completion))


def usage_of(exchanges: Iterable[Exchange], prices: Prices) -> Usage:
    """What the responses among `exchanges` took, at these prices."""
    tokens = Tokens()
    for exchange in exchanges:
        if exchange.response:
            tokens.add(exchange.response)
    return tokens.usage(prices)


def _sum(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first + second


def rejection_table(rejected: Mapping[str, int], accepted: int) -> list[str]:
    """How many candidates each rule rejected, most first and then by name, then what was accepted: lines of text."""
    rows = [*sorted(rejected.items(), key=lambda row: (-row[1], row[0])), ("accepted", accepted)]
    total = sum(rejected.values()) + accepted
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}} {count:6,} {count / max(1, total):7.1%}" for name, count in rows]
