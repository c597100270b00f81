"""What became of drafts, and what the answers took, counted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from relseed.generation.answers import Answer
from relseed.llm.client import Budget
from relseed.tasks.relation.written import Rejected


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and money; None where an engine did not count, or where there are no prices."""

    prompt_tokens: int | None
    completion_tokens: int | None
    cost: float | None


def usage_of(answers: Sequence[Answer], budget: Budget) -> Usage:
    """What the completions among `answers` took, at the prices of `budget`."""
    completions = [answer.completion for answer in answers if answer.completion]
    prompt = _sum([one.prompt_tokens for one in completions])
    answered = _sum([one.completion_tokens for one in completions])
    cost = None if prompt is None or answered is None else budget.price(prompt, answered)
    return Usage(prompt, answered, cost)


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def reject_table(rejected: Sequence[Rejected], accepted: int) -> list[str]:
    """The rejects by reason as lines of text, most frequent first, then what was accepted."""
    counts = Counter(one.check for one in rejected)
    rows = [*((name, count) for name, count in counts.most_common()), ("accepted", accepted)]
    total = len(rejected) + accepted
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}} {count:6,} {count / max(1, total):7.1%}" for name, count in rows]
