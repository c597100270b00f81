"""The data card of a training set: what is in it, which LLMs wrote it and how, what it passed, whose licence it has."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relseed.generation.selection import Repetition
from relseed.generation.training_set import Available, TrainingSet
from relseed.llm.llm import LLM
from relseed.pipeline.templates import render
from relseed.quality.rules import RuleSettings
from relseed.records.files import md5_of


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the examples of a training set come from."""

    dataset: Mapping[str, Any]  # the data card of the seeds' dataset
    methods: Mapping[str, Mapping[str, Any]]  # of the set, as params.yaml has them
    llms: Mapping[str, LLM]  # that those methods name
    rules: RuleSettings
    rule_names: Sequence[str]

    def by_llm(self, example: Any) -> bool:
        """Whether an LLM wrote an example of one of the methods, and no rule made it of the seeds."""
        return self.methods[example.method]["llm"] in self.llms


def card_of(
    name: str,
    data: Path,
    settings: TrainingSet,
    examples: Sequence[Any],
    available: Available,
    repetition: Repetition,
    origin: Origin,
) -> str:
    """The card of the training set in `data`, as Markdown."""
    written = [example for example in examples if example.method is not None]
    taken = Counter(example.method for example in written)
    made = sum(not origin.by_llm(example) for example in written)
    methods = [
        {
            "name": method,
            "loop": each["loop"],
            "llm": each["llm"] if each["llm"] in origin.llms else None,
            "accepted": len(available.examples[method]),
            "least": settings.at_least.get(method, {}),
            "taken": taken[method],
        }
        for method, each in origin.methods.items()
    ]
    return render(
        Path(__file__).with_name("card.md.jinja"),
        name=name,
        md5=md5_of(data),
        seeds=len(examples) - len(written),
        written=len(written) - made,
        made=made,
        labels=_counts(examples),
        methods=methods,
        repetition=repetition,
        reviews={method: reviewed for method, reviewed in available.reviews.items() if reviewed.count},
        origin=origin,
    )


def _counts(examples: Sequence[Any]) -> dict[str, tuple[int, int]]:
    """Seeds and other examples of each label."""
    seeds, written = (
        Counter(example.label for example in examples if (example.method is None) is real) for real in (True, False)
    )
    return {label: (seeds[label], written[label]) for label in dict.fromkeys(example.label for example in examples)}
