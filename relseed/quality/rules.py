"""Rules: each says yes or no to a candidate, under a name; the first that says no counts.

What rules need of a task they are given; those in here hold for every task.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

from pydantic import Field, PositiveInt, model_validator

from relseed.pipeline.params import Section
from relseed.quality.duplicates import Index
from relseed.quality.language import language_of, length, scripts
from relseed.records.candidates import Candidate, Rejected, request_of

_FOREIGN = 0.1  # share of letters in scripts that no seed uses


class RuleSettings(Section):
    """Where the rules draw the line."""

    min_words: PositiveInt  # of a text
    max_words: PositiveInt
    near_duplicate: float = Field(gt=0, le=1)  # Jaccard similarity of word trigrams
    language: str | None  # ISO 639-1 code; None: any

    @model_validator(mode="after")
    def _some_length_passes(self) -> "RuleSettings":
        if self.min_words > self.max_words:
            raise ValueError(f"min_words ({self.min_words}) is above max_words ({self.max_words}): nothing would pass")
        return self


CandidateRule = Callable[[Candidate], str | None]
ExampleRule = Callable[["RuleFilter", Any], str | None]


@dataclass(frozen=True)
class Rules:
    """The rules of a task, by name. Each gives a reason to reject, or None."""

    on_candidates: Mapping[str, CandidateRule]  # in this order: each may rely on those before it
    example: Callable[[Candidate], Any]  # makes an example of a candidate that passed them
    on_examples: Mapping[str, ExampleRule]
    text: Callable[[Any], str]  # of an example
    item: Callable[[Any], Hashable]  # what an example labels, as `Task.item` has it

    def without(self, names: Collection[str]) -> "Rules":
        """The same without the rules of these names."""
        return replace(self, on_examples={name: rule for name, rule in self.on_examples.items() if name not in names})

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all rules, in order."""
        return (*self.on_candidates, *self.on_examples)


class RuleFilter:
    """The rules over candidates in turn: what was accepted is what later ones must differ from."""

    def __init__(self, rules: Rules, settings: RuleSettings, seeds: Sequence[Any]) -> None:
        self.rules, self.settings, self.seeds = rules, settings, seeds
        self._accepted: list[Any] = []
        self._items: set[Hashable] = set()  # of those
        self._accepted_texts, self._seed_texts = Index(settings.near_duplicate), Index(settings.near_duplicate)
        for seed in seeds:
            self._seed_texts.add(rules.text(seed))
        self._scripts = {script for seed in seeds for script in scripts(rules.text(seed))}

    def with_nothing_accepted(self) -> "RuleFilter":
        """The same rules before anything was accepted; what was made of the seeds is shared."""
        other = copy(self)
        other._accepted, other._items, other._accepted_texts = [], set(), Index(self.settings.near_duplicate)
        return other

    def apply(self, candidate: Candidate) -> Any | Rejected:
        """The example that a candidate becomes, or the first rule that rejects it.

        Never raises, whatever a candidate holds.
        """
        for name, rule in self.rules.on_candidates.items():
            if reason := rule(candidate):
                return Rejected(candidate=candidate, rule=name, reason=reason)
        example = self.rules.example(candidate)
        for name, holds in self.rules.on_examples.items():
            if reason := holds(self, example):
                return Rejected(candidate=candidate, rule=name, reason=reason)
        self._accepted.append(example)
        self._items.add(self.rules.item(example))
        self._accepted_texts.add(self.rules.text(example))
        return example

    def apply_all(self, candidates: Iterable[Candidate]) -> tuple[list[Any], list[Rejected]]:
        """The accepted examples and the rejected candidates, in their order."""
        found = [self.apply(candidate) for candidate in candidates]
        return (
            [checked for checked in found if not isinstance(checked, Rejected)],
            [checked for checked in found if isinstance(checked, Rejected)],
        )

    def repeats_seed(self, example: Any, *, same: bool) -> str | None:
        """Whether an example has the text of a seed (`same`), or nearly."""
        match = self._seed_texts.nearest(self.rules.text(example))
        if match is None or match.same is not same:
            return None
        return f"like the seed {self.seeds[match.index].id} (similarity {match.similarity:.2f})"

    def repeats_accepted(self, example: Any, *, same: bool) -> str | None:
        """Whether an example has the text of an accepted one (`same`), or nearly.

        Examples of one response may share a text if it is not the same of it that they label: pairs of a sentence.
        """
        match = self._accepted_texts.nearest(self.rules.text(example))
        if match is None or match.same is not same:
            return None
        first = self._accepted[match.index]
        if self._is_beside(first, example):
            return None
        return f"like {first.id} (similarity {match.similarity:.2f})"

    def _is_beside(self, first: Any, example: Any) -> bool:
        """Whether an example is of the response and of the text of an accepted one, and labels what no other does."""
        one_response = request_of(first.id) == request_of(example.id)
        one_text = self.rules.text(first) == self.rules.text(example)
        return one_response and one_text and self.rules.item(example) not in self._items

    def foreign_script(self, example: Any) -> str | None:
        """Whether more than a tenth of the letters are of a script that no seed uses."""
        found = scripts(self.rules.text(example))
        foreign = [script for script in found if script not in self._scripts]
        return f"written in {foreign[0]}" if len(foreign) > _FOREIGN * len(found) else None


def truncated(candidate: Candidate) -> str | None:
    """Whether the response was cut off."""
    return candidate.problem if candidate.truncated else None


def unparseable(candidate: Candidate) -> str | None:
    """Whether the response could not be read."""
    return candidate.problem


def _length(checks: RuleFilter, example: Any) -> str | None:
    words, settings = length(checks.rules.text(example)), checks.settings
    if settings.min_words <= words <= settings.max_words:
        return None
    return f"{words} words, not {settings.min_words} to {settings.max_words}"


def _language(checks: RuleFilter, example: Any) -> str | None:
    wanted = checks.settings.language
    found = language_of(checks.rules.text(example)) if wanted else None
    return None if found in (None, wanted) else f"in the language {found}, not {wanted}"


FORM: Mapping[str, ExampleRule] = {"length": _length}
COPIES: Mapping[str, ExampleRule] = {
    "copy": lambda checks, example: checks.repeats_seed(example, same=True),
    "near_copy": lambda checks, example: checks.repeats_seed(example, same=False),
    "duplicate": lambda checks, example: checks.repeats_accepted(example, same=True),
    "near_duplicate": lambda checks, example: checks.repeats_accepted(example, same=False),
}
LANGUAGE: Mapping[str, ExampleRule] = {"script": RuleFilter.foreign_script, "language": _language}
