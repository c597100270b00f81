"""Counts, cost and diversity of what one method wrote."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from relseed.generation.exchanges import Exchange
from relseed.generation.summary import MethodSummary
from relseed.generation.usage import usage_of
from relseed.llm.prices import Prices
from relseed.quality.diversity import Diversity, Embedded, diversity, embedded, mean
from relseed.records.candidates import Rejected, method_of, request_of, unit_of
from relseed.tasks.task import Task

MEASURED = 1000  # sentences of a unit, at most: the diversity of more is that of a sample
Sentence = tuple[str, str]  # the request whose response holds it, and its text


def summarize(
    exchanges: Sequence[Exchange],
    accepted: Sequence[Any],
    rejected: Sequence[Rejected],
    diversities: tuple[Mapping[str, Diversity], Mapping[str, Diversity]],
    prices: Prices,
    labels: Sequence[str],
) -> MethodSummary:
    """Sum up; `diversities` are those of all candidates and of the accepted, by unit; `labels` the schema's."""
    requests = sum(exchange.request is not None for exchange in exchanges)  # none where examples are made by rule
    responses = [exchange.response for exchange in exchanges if exchange.response]
    usage = usage_of(exchanges, prices)
    before, after = diversities
    summary = MethodSummary(
        method=method_of(exchanges[0].id),
        model=", ".join(sorted({response.model for response in responses})),
        requests=requests,
        refused=requests - len(responses),
        candidates=len(accepted) + len(rejected),
        accepted=len(accepted),
        rejected=dict(Counter(candidate.rule for candidate in rejected).most_common()),
        per_unit=dict.fromkeys((exchange.unit for exchange in exchanges), 0)
        | Counter(unit_of(request_of(example.id)) for example in accepted),
        per_label=dict.fromkeys(labels, 0) | Counter(example.label for example in accepted),
        **asdict(usage),
        cost_per_accepted=None if usage.cost is None or not accepted else usage.cost / len(accepted),
        before=mean(before),
        after=mean(after),
        vendi_before={unit: diversity.vendi for unit, diversity in before.items()},
        vendi={unit: diversity.vendi for unit, diversity in after.items()},
    )
    skipped = exchanges[0].skipped
    return summary if skipped is None else summary.model_copy(update={"skipped": skipped, "per_unit": {}})


def diversities_of(
    task: Task, read: Mapping[str, Any], accepted: Sequence[Any], title: str
) -> tuple[dict[str, Diversity], dict[str, Diversity]]:
    """The diversity of all candidates that can be read, as examples by id, and of the accepted, each by unit.

    A sentence of a response counts once, however many of its pairs it holds. Of a unit with more than 1,000 sentences,
    as many drawn at random stand for it, the same each time: they alone are embedded and compared.
    """
    sentences: dict[Sentence, Any] = {}
    for example in read.values():
        sentences.setdefault(_sentence(task, example), example)
    every = _by_unit(sentences)
    passed = _by_unit(dict.fromkeys(_sentence(task, example) for example in accepted))
    measured = {unit: _sample(unit, found) for unit, found in every.items()}
    # Self-BLEU is slow, and often all candidates of a unit are accepted.
    fewer = {unit: _sample(unit, found) for unit, found in passed.items() if len(found) < len(every[unit])}
    wanted = {sentence for groups in (measured, fewer) for found in groups.values() for sentence in found}
    embeddings = _embedded(
        task, {sentence: example for sentence, example in sentences.items() if sentence in wanted}, title
    )
    before, after = (
        diversity({unit: [embeddings[sentence] for sentence in found] for unit, found in groups.items()})
        for groups in (measured, fewer)
    )
    after |= {unit: before[unit] for unit in before if len(passed.get(unit, ())) == len(every[unit])}
    return before, {unit: after[unit] for unit in before if unit in after}


def _embedded(task: Task, sentences: Mapping[Sentence, Any], title: str) -> dict[Sentence, Embedded]:
    masked = list(map(task.masked, sentences.values()))
    vectors = embedded([text for _, text in sentences], masked, f"embed candidates, {title}")
    return dict(zip(sentences, vectors, strict=True))


def _sentence(task: Task, example: Any) -> Sentence:
    return request_of(example.id), task.text(example)


def _by_unit(sentences: Iterable[Sentence]) -> dict[str, list[Sentence]]:
    groups: dict[str, list[Sentence]] = {}
    for request, text in sentences:
        groups.setdefault(unit_of(request), []).append((request, text))
    return groups


def _sample(unit: str, sentences: Sequence[Sentence]) -> Sequence[Sentence]:
    """All of a unit's sentences, or as many as are measured, in their order."""
    if len(sentences) <= MEASURED:
        return sentences
    drawn = random.Random(f"diversity/{unit}").sample(range(len(sentences)), MEASURED)
    return [sentences[at] for at in sorted(drawn)]
