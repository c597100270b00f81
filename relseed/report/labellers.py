"""LLMs that labelled test examples themselves, as tables and as numbers, beside the extractors."""

from collections.abc import Mapping
from typing import Any

from relseed.evaluation.record import Spread
from relseed.labelling.scores import Beside, LabellerScores
from relseed.llm.llm import LLM
from relseed.report.table import DASH, Table, interval, percent

_THOUSAND = 1000


def labellers_table(labellers: Mapping[str, LabellerScores], llms: Mapping[str, LLM]) -> Table:
    """A row a labeller; `llms` are those that label, by the names of the labellers. Empty where there is none."""
    header = ["labeller", "model", "items", "micro-F1", "95 % interval", "precision", "recall"]
    header += ["F1 of what was parsed", "unparsed", "says the negative label", "negatives found"]
    header += ["tokens per item", "cost per 1,000"]
    rows = [_row(name, scores, llms[name]) for name, scores in labellers.items()]
    return Table(header if rows else [], rows)


def _row(name: str, scores: LabellerScores, llm: LLM) -> list[str]:
    shares = (scores.precision, scores.recall, scores.micro_f1_parsed, scores.unparsed, scores.abstained)
    about = "" if scores.counted else "about "
    cost = cost_of(scores, llm)
    return [
        name,
        llm.model,
        f"{scores.items:,}",
        percent(scores.micro_f1),
        interval(scores.micro_f1),
        *map(_percent, (*shares, scores.negatives_found)),
        f"{about}{scores.prompt_tokens:.0f} + {scores.completion_tokens:.0f}",
        DASH if cost is None else f"{about}{cost:.2f}",
    ]


def beside_table(labellers: Mapping[str, LabellerScores]) -> Table:
    """A row for each labeller and system: what the extractors score on the items that the LLM labelled."""
    rows = [
        [name, system, _percent(beside.micro_f1), *_difference(beside)]
        for name, scores in labellers.items()
        for system, beside in scores.beside.items()
    ]
    header = ["items of", "system", "micro-F1", "difference from the LLM", "95 % interval"]
    return Table(header if rows else [], rows)


def _difference(beside: Beside) -> list[str]:
    ends = beside.interval
    return [f"{100 * beside.difference:+.1f}", f"{100 * ends.low:+.1f} to {100 * ends.high:+.1f}"]


def labeller_numbers(scores: LabellerScores) -> dict[str, Any]:
    """The scores of a labeller, 0 to 1, for metrics.json."""
    numbers: dict[str, Any] = {
        "items": scores.items,
        "micro_f1": scores.micro_f1.model_dump(exclude_none=True),
        "micro_precision": scores.precision,
        "micro_recall": scores.recall,
        "micro_f1_parsed": scores.micro_f1_parsed,
        "unparsed": scores.unparsed,
        "abstained": scores.abstained,
        "negatives_found": scores.negatives_found,
        "prompt_tokens": scores.prompt_tokens,
        "completion_tokens": scores.completion_tokens,
        "counted": int(scores.counted),  # 0: the tokens are estimates
        "beside": {system: _beside_numbers(beside) for system, beside in scores.beside.items()},
    }
    return {name: number for name, number in numbers.items() if number is not None}


def _beside_numbers(beside: Beside) -> dict[str, float]:
    ends = beside.interval
    return {"micro_f1": beside.micro_f1, "difference": beside.difference, "low": ends.low, "high": ends.high}


def cost_of(scores: LabellerScores, llm: LLM) -> float | None:
    """What a thousand items cost; None without prices."""
    return llm.prices.cost(round(_THOUSAND * scores.prompt_tokens), round(_THOUSAND * scores.completion_tokens))


def _percent(share: float | None) -> str:
    return percent(None if share is None else Spread(mean=share, std=0.0))
