"""Rules: each says yes or no to a candidate, under a name; the first that says no counts.

What rules need of a task they are given; those in here hold for every task.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

from pydantic import Field, PositiveInt, model_validator

from relseed.pipeline.params import Section
from relseed.quality.duplicates import Index, Match
from relseed.quality.language import language_of, length, scripts
from relseed.quality.templates import template
from relseed.records.candidates import REFUSED, Candidate, Rejected, request_of

_FOREIGN = 0.1  # share of letters in scripts that no seed uses


class RuleSettings(Section):
    """Where the rules draw the line."""

    min_words: PositiveInt  # of a text
    max_words: PositiveInt
    near_duplicate: float = Field(gt=0, le=1)  # Jaccard similarity of word trigrams
    near_duplicate_masked: float | None = Field(gt=0, le=1)  # the same, names and numbers masked; None: off
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
    masked: Callable[[Any], str]  # the text with what an example is about masked

    def without(self, names: Collection[str]) -> "Rules":
        """The same without the rules of these names."""
        return replace(self, on_examples={name: rule for name, rule in self.on_examples.items() if name not in names})

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all rules, in order."""
        return (*self.on_candidates, *self.on_examples)


class _Known:
    """Texts that a candidate must differ from, as they are and masked."""

    def __init__(self, rules: Rules, settings: RuleSettings) -> None:
        self._rules, self._texts = rules, Index(settings.near_duplicate)
        masked = settings.near_duplicate_masked
        self._templates = None if masked is None else Index(masked)

    def add(self, example: Any) -> None:
        self._texts.add(self._rules.text(example))
        if self._templates:
            self._templates.add(template(self._rules.masked(example)))

    def nearest(self, example: Any) -> Match | None:
        return self._texts.nearest(self._rules.text(example))

    def nearest_masked(self, example: Any) -> Match | None:
        return self._templates.nearest(template(self._rules.masked(example))) if self._templates else None


class RuleFilter:
    """The rules over candidates in turn: what was accepted is what later ones must differ from.

    The candidates of a response come one after another: whole examples are kept of the last response alone.
    """

    def __init__(self, rules: Rules, settings: RuleSettings, seeds: Sequence[Any]) -> None:
        self.rules, self.settings, self.seeds = rules, settings, seeds
        self._accepted: list[str] = []  # ids
        self._response: dict[int, Any] = {}  # accepted examples of the last response, by their place among all
        self._known_accepted, self._known_seeds = _Known(rules, settings), _Known(rules, settings)
        for seed in seeds:
            self._known_seeds.add(seed)
        self._scripts = {script for seed in seeds for script in scripts(rules.text(seed))}

    def with_nothing_accepted(self) -> "RuleFilter":
        """The same rules before anything was accepted; what was made of the seeds is shared."""
        other = copy(self)
        other._accepted, other._response, other._known_accepted = [], {}, _Known(self.rules, self.settings)
        return other

    def apply(self, candidate: Candidate) -> Any | Rejected:
        """The example that a candidate becomes, or the first rule that rejects it.

        Never raises, whatever a candidate holds.
        """
        if candidate.refused:
            return Rejected(candidate=candidate, rule=REFUSED, reason=candidate.problem or "the model refused")
        for name, rule in self.rules.on_candidates.items():
            if reason := rule(candidate):
                return Rejected(candidate=candidate, rule=name, reason=reason)
        example = self.rules.example(candidate)
        for name, holds in self.rules.on_examples.items():
            if reason := holds(self, example):
                return Rejected(candidate=candidate, rule=name, reason=reason)
        self._accept(example)
        return example

    def _accept(self, example: Any) -> None:
        if self._accepted and request_of(self._accepted[-1]) != request_of(example.id):
            self._response.clear()
        self._response[len(self._accepted)] = example
        self._accepted.append(example.id)
        self._known_accepted.add(example)

    def apply_all(self, candidates: Iterable[Candidate]) -> tuple[list[Any], list[Rejected]]:
        """The accepted examples and the rejected candidates, in their order."""
        found = [self.apply(candidate) for candidate in candidates]
        return (
            [checked for checked in found if not isinstance(checked, Rejected)],
            [checked for checked in found if isinstance(checked, Rejected)],
        )

    def repeats_seed(self, example: Any, *, same: bool) -> str | None:
        """Whether an example has the text of a seed (`same`), or nearly."""
        match = self._known_seeds.nearest(example)
        return _like(f"the seed {self.seeds[match.index].id}", match) if match and match.same is same else None

    def repeats_accepted(self, example: Any, *, same: bool) -> str | None:
        """Whether an example has the text of an accepted one (`same`), or nearly.

        Examples of one response may share a text if it is not the same of it that they label: pairs of a sentence.
        """
        match = self._known_accepted.nearest(example)
        if match is None or match.same is not same or self._is_beside(match, example):
            return None
        return _like(self._accepted[match.index], match)

    def renames_seed(self, example: Any) -> str | None:
        """Whether an example has nearly the text of a seed once names and numbers are masked."""
        match = self._known_seeds.nearest_masked(example)
        return _like(f"the seed {self.seeds[match.index].id} but for names", match) if match else None

    def renames_accepted(self, example: Any) -> str | None:
        """Whether an example has nearly the text of an accepted one once names and numbers are masked."""
        match = self._known_accepted.nearest_masked(example)
        if match is None or self._is_beside(self._known_accepted.nearest(example), example):
            return None
        return _like(f"{self._accepted[match.index]} but for names", match)

    def _is_beside(self, match: Match | None, example: Any) -> bool:
        """Whether an example is of the response and of the text of an accepted one, and labels what no other does."""
        if match is None or (first := self._response.get(match.index)) is None:
            return False
        item, text = self.rules.item, self.rules.text
        one_response = request_of(first.id) == request_of(example.id)
        return one_response and text(first) == text(example) and item(example) not in map(item, self._response.values())

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


def passage_missing(candidate: Candidate, *, wanted: bool) -> str | None:
    """Whether a candidate has no passage although there should be one."""
    has_one = bool((candidate.fields.get("passage") or "").strip())
    return "the seeds have passages, this question has none" if wanted and not has_one else None


def _length(checks: RuleFilter, example: Any) -> str | None:
    words, settings = length(checks.rules.text(example)), checks.settings
    if settings.min_words <= words <= settings.max_words:
        return None
    return f"{words} words, not {settings.min_words} to {settings.max_words}"


def _language(checks: RuleFilter, example: Any) -> str | None:
    wanted = checks.settings.language
    found = language_of(checks.rules.text(example)) if wanted else None
    return None if found in (None, wanted) else f"in the language {found}, not {wanted}"


def _like(what: str, match: Match) -> str:
    return f"like {what} (similarity {match.similarity:.2f})"


FORM: Mapping[str, ExampleRule] = {"length": _length}
COPIES: Mapping[str, ExampleRule] = {
    "copy": lambda checks, example: checks.repeats_seed(example, same=True),
    "near_copy": lambda checks, example: checks.repeats_seed(example, same=False),
    "duplicate": lambda checks, example: checks.repeats_accepted(example, same=True),
    "near_duplicate": lambda checks, example: checks.repeats_accepted(example, same=False),
    "masked_near_copy": RuleFilter.renames_seed,
    "masked_near_duplicate": RuleFilter.renames_accepted,
}
LANGUAGE: Mapping[str, ExampleRule] = {"script": RuleFilter.foreign_script, "language": _language}
