"""A method: one way to have examples written, as an entry of `methods` declares it; and the loop that it runs.

A loop is a module of relseed.methods with an async function `write(unit)`. It decides what to ask next; everything
about concurrency, budgets, counting and rejecting lies in here and in the runner. Its units are the labels, unless it
has a function `targets(method)`. A loop that asks no LLM has a function `make(method)` instead of `write`. Rules that
do not hold for what it makes are named in `WITHOUT`.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import Field, NonNegativeInt, PositiveInt

from relseed.llm.llm import LLM
from relseed.llm.request import Request
from relseed.pipeline.errors import UserError
from relseed.pipeline.named import load
from relseed.pipeline.params import Params, Section
from relseed.quality.rules import RuleFilter, RuleSettings
from relseed.records.candidates import negative_unit, request_id
from relseed.tasks.task import Ask, Prompt, Task


class MethodEntry(Section):
    """What every entry of `methods` has; a loop may add settings of its own."""

    loop: str  # a module of relseed.methods
    llm: str  # an entry of `llms`; one that is null where examples are made by rule
    reads: str  # the one thing that the method reads beside the seeds: recorded responses, or the weights of its LLM
    about: str  # what is written about: the labels, or a file of entity tuples
    per_label: PositiveInt  # examples wanted of each unit


class MethodSettings(MethodEntry):
    """An entry of `methods` by which an LLM writes."""

    max_request_factor: float = Field(ge=1, allow_inf_nan=False)  # times per_label that are asked for at most
    demonstrations: NonNegativeInt  # seeds shown, at most
    negatives: tuple[str, ...]  # kinds of examples of the negative label, in turn; none: it is not written
    diversity_instruction: bool  # ask for examples as different as possible
    max_tokens_per_example: PositiveInt  # of a response: this for each example, and once more
    # Draw random numbers as the method of this name: the two differ in their settings alone.
    seeded_as: str | None = None
    optional: bool = False  # skipped where the weights of its LLM are not on this machine


@dataclass(frozen=True, slots=True)
class Target:
    """What one unit of a method is for: which examples, and how many."""

    label: str  # of its examples
    wanted: int  # accepted examples
    kind: str | None = None  # of the negative label's examples; None: the kinds of its method, in turn
    near: str | None = None  # of the negative label's examples: the label that they come near
    surface: Hashable = None  # of the negative label's examples, one of `Task.surfaces`
    tuples: tuple[Any, ...] = ()  # that its examples are about
    part: int | None = None  # which of the label's, where its tuples are spread over several
    start: Any = None  # the example that all others are written after, of whatever label

    @property
    def unit(self) -> str:
        """What it is called in the ids of its requests."""
        if self.start is not None:
            return f"from/{self.start.id}"
        return self._whole if self.part is None else f"{self._whole}/{self.part}"

    @property
    def _whole(self) -> str:
        return self.label if self.near is None and self.kind is None else negative_unit(self.near, self.surface)

    @property
    def shown(self) -> str:
        """The label whose seeds are shown."""
        return self.near or self.label

    def holds(self, example: Any) -> bool:
        """Whether an example counts among those wanted: a response may hold others beside."""
        return self.start is not None or example.label == self.label


@dataclass(frozen=True)
class Method:
    """An entry of `methods` with all that its requests are made of."""

    name: str
    settings: Any  # MethodEntry, or what the loop made of it
    asks: LLM | None  # None: its examples are made by rule
    task: Task
    schema: Any
    rules: RuleFilter  # with nothing accepted

    def request(
        self, target: Target, number: int, count: int, shown: Sequence[Any], **others: Any
    ) -> tuple[Prompt, Request]:
        """The request number `number` for `count` examples of a target, where `shown` are those in the prompt.

        `others` are fields of `Ask` that the loop decides: the tuples that they are about, the answers that they have.
        """
        llm = self.llm.for_label(target.shown)
        prompt = self.task.prompt(self._ask(target, number, count, **others), llm.form)
        tokens, seeded = self.settings.max_tokens_per_example * (count + 1), self.seeded_id(target.unit, number)
        return prompt, llm.request(seeded, prompt.messages(shown), prompt.response_schema(), tokens)

    def demonstrations(self, label: str) -> list[str]:
        """The first seeds of a label, as prompts show them; of any label where it has none."""
        own = [seed for seed in self.rules.seeds if seed.label == label] or self.rules.seeds
        return [self.task.show(seed) for seed in own[: self.settings.demonstrations]]

    @property
    def llm(self) -> LLM:
        """The LLM that is asked: `read_method` sees to it that there is one unless examples are made by rule."""
        assert self.asks is not None, f"the method {self.name} makes its examples by rule"
        return self.asks

    @property
    def labels(self) -> list[str]:
        """The labels of what an LLM writes: the negative one only where it is wanted."""
        return [label for label in self.schema.labels if self.settings.negatives or label != self.schema.negative]

    @property
    def negative(self) -> str:
        """The negative label.

        Raises:
            UserError: The schema has none.
        """
        if (label := self.schema.negative) is None:
            raise UserError(
                f"the method {self.name} is for examples of the negative label, and the schema has none: mark the "
                'label that asserts nothing with `"negative": true`, or leave the method out'
            )
        return str(label)

    def seeded_id(self, unit: str, number: int) -> str:
        """What the random numbers of a request are made from."""
        return request_id(self.settings.seeded_as or self.name, unit, number)

    def tuples(self) -> list[Any]:
        """The entity tuples that it writes about.

        Raises:
            UserError: The task has none, or the file is missing or has a line that is none.
        """
        return self.task.read_tuples(Path(self.settings.about), self.schema)

    def drafts(self) -> list[Any]:
        """The entity tuples of accepted sentences that it rewords, each with its sentence.

        Raises:
            UserError: The task has none, or the file is missing or has a line that is none.
        """
        return self.task.read_drafts(Path(self.settings.about), self.schema)

    def _ask(self, target: Target, number: int, count: int, **others: Any) -> Ask:
        return Ask(
            method=self.name,
            loop=self.settings.loop,
            schema=self.schema,
            label=target.label,
            kind=self._kind(target, number),
            near=target.near,
            kinds=self.settings.negatives if target.near else (),
            surface=target.surface,
            count=count,
            rules=self.rules.settings,
            seeds=self.rules.seeds,
            diversity_instruction=self.settings.diversity_instruction,
            characters=self.llm.prompt_characters,
            reasoning=getattr(self.settings, "reasoning", False),
            **others,
        )

    def _kind(self, target: Target, number: int) -> str | None:
        kinds = self.settings.negatives
        if target.kind or target.near or not kinds or target.label != self.schema.negative:
            return target.kind
        return str(kinds[number % len(kinds)])


def loop_of(params: Params, name: str) -> ModuleType:
    """The loop of a method.

    Raises:
        UserError: There is no such method, or no such loop.
    """
    entry = params.value(f"methods.{name}")
    return load("relseed.methods", str((entry or {}).get("loop")), "loop of a method")


def read_method(params: Params, name: str, task: Task, schema: Any, seeds: Sequence[Any]) -> Method:
    """The method of a name, with its LLM, if it asks one, and its rules.

    Raises:
        UserError: There is no such method, loop or LLM, or a setting does not fit.
    """
    loop = loop_of(params, name)
    settings = params.section(f"methods.{name}", loop.Settings)
    rules = task.rules(schema, seeds, rule_settings := params.section("rules", RuleSettings))
    if asks := hasattr(loop, "write"):
        _check_kinds(params, name, settings, task)
    rules = rules.without(getattr(loop, "WITHOUT", ()))
    llm = _llm_of(params, name, settings, task, asks=asks)
    return Method(name, settings, llm, task, schema, RuleFilter(rules, rule_settings, seeds))


def _check_kinds(params: Params, name: str, settings: Any, task: Task) -> None:
    if unknown := [kind for kind in settings.negatives if kind not in task.negative_kinds]:
        known = ", ".join(task.negative_kinds) or "none"
        raise UserError(
            f"{params.path}: methods.{name}.negatives has {unknown[0]!r}, the task {task.name} knows {known}"
        )


def _llm_of(params: Params, name: str, settings: Any, task: Task, *, asks: bool) -> LLM | None:
    if asks is (params.value(f"llms.{settings.llm}") is None):
        wrong = "asks an LLM, and this entry is null" if asks else "asks no LLM: name an entry of llms that is null"
        raise UserError(f"{params.path}: methods.{name}.llm is {settings.llm}: the loop {settings.loop} {wrong}")
    return llm_named(params, settings.llm, task) if asks else None


def llm_named(params: Params, name: str, task: Task) -> LLM:
    """The LLM of a name, whose form is one of the task's.

    Raises:
        UserError: There is none, or the task has no prompts of its form.
    """
    llm = params.section(f"llms.{name}", LLM)
    if llm.form not in task.forms:
        raise UserError(
            f"{params.path}: llms.{name}.form is {llm.form}, the task {task.name} has prompts of the form "
            f"{', '.join(task.forms)}"
        )
    return llm
