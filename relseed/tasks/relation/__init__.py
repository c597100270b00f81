"""Relation extraction: which relation a sentence asserts between its marked head and tail mention.

The records are here, and the task; its prompts and rules are imported by those who write or check alone.
"""

import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, StrictBool, StrictInt, model_validator

from relseed.pipeline.errors import UserError
from relseed.tasks import task
from relseed.tasks.task import Ask, Derived, LabelName, Prompt, Prose, Shown, Task

if TYPE_CHECKING:
    from relseed.quality.rules import Rules, RuleSettings
    from relseed.records.candidates import Candidate


class Mention(BaseModel):
    """A span of a text: character offsets, end exclusive, and an entity type where there is one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: StrictInt
    end: StrictInt
    type: str | None = None

    def text_of(self, text: str) -> str:
        """The words that the mention marks in `text`."""
        return text[self.start : self.end]


class Sentence(BaseModel):
    """A text with a marked head and a marked tail mention.

    Fields that a dataset adds (a register, a document) are kept as they are.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    id: str | None = None
    text: str
    head: Mention
    tail: Mention

    @model_validator(mode="after")
    def _spans_fit(self) -> "Sentence":
        for role, mention in (("head", self.head), ("tail", self.tail)):
            _check_span(role, mention, self.text)
        first, second = sorted((self.head, self.tail), key=lambda mention: mention.start)
        if first.end > second.start:
            raise ValueError(
                f"head {self.head.start}:{self.head.end} and tail {self.tail.start}:{self.tail.end} overlap: "
                "the two mentions must not share a character"
            )
        return self


def _check_span(role: str, mention: Mention, text: str) -> None:
    span = f"{role} {mention.start}:{mention.end}"
    if not 0 <= mention.start < mention.end <= len(text):
        counted = f"offsets count characters from 0{_emoji(text)}, end exclusive"
        raise ValueError(f"{span} does not fit the text of {len(text)} characters: {counted}")
    words = mention.text_of(text)
    if words != words.strip():
        raise ValueError(
            f"{span} begins or ends with a blank ({words!r}): move the offsets onto the words{_emoji(text)}"
        )


def _emoji(text: str) -> str:
    """What offsets count, where UTF-16 counts otherwise."""
    return " (an emoji is one character)" if max(text, default="") > "\uffff" else ""


class Example(Sentence):
    """One sentence with a marked head and tail mention and a relation."""

    id: str
    relation: str
    method: str | None = None  # that wrote it; None for a real example

    @property
    def label(self) -> str:
        """The relation."""
        return self.relation


class Relation(BaseModel):
    """A relation of a schema; a type of None allows any entity type."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    relation: LabelName
    head_type: Shown | None = None
    tail_type: Shown | None = None
    definition: Prose
    negative: StrictBool = False
    symmetric: StrictBool = False  # where it holds, it holds with head and tail exchanged, too

    @property
    def label(self) -> str:
        """The relation."""
        return self.relation

    @property
    def reversible(self) -> bool:
        """Whether the types allow head and tail to be exchanged, and then something else is said."""
        return not self.symmetric and (self.head_type == self.tail_type or None in (self.head_type, self.tail_type))

    @cached_property
    def name(self) -> str:
        """The label in plain words: raw labels such as `per:parents` mislead LLMs.

        `per:parents` is "person parents", `Cause-Effect(e1,e2)` "cause-effect (head, tail)".
        """
        words = re.sub(r"^per:", "person ", self.relation)
        words = re.sub(r"^org:", "organization ", words).replace("_", " ")
        return words.replace("(e1,e2)", " (head, tail)").replace("(e2,e1)", " (tail, head)").lower()

    def allows(self, sentence: Sentence) -> bool:
        """Whether the sentence's entity types are those of the relation."""
        return self.fits(sentence.head, sentence.tail)

    def fits(self, head: Mention, tail: Mention) -> bool:
        """Whether the types of two mentions are those of the relation."""
        return self.head_type in (None, head.type) and self.tail_type in (None, tail.type)


class Schema(task.Schema):
    """The relations of a dataset, in a fixed order: a relation's position is its class number."""

    relations: tuple[Relation, ...]

    @property
    def entries(self) -> Sequence[Relation]:
        """The relations."""
        return self.relations

    @cached_property
    def by_label(self) -> dict[str, Relation]:
        """Each relation under its label."""
        return {relation.relation: relation for relation in self.relations}

    def relates(self, head: Mention, tail: Mention) -> bool:
        """Whether a relation other than the negative one has the types of two mentions."""
        return any(relation.fits(head, tail) for relation in self.relations if not relation.negative)


class RelationTask(Task):
    """Relation extraction, as a task among others."""

    name = "relation"
    example_type = Example
    item_type = Sentence
    label_type = Relation
    schema_type = Schema
    columns = {"text": True, "head_type": False, "tail_type": False}  # noqa: RUF012 (ClassVar in Task)
    labels_file = "relations.jsonl"
    negative_kinds = (  # merely side by side; nearly a relation, in any way, or in this way
        "co_occurrence",
        "hard",
        "denied",
        "planned",
        "past",
        "hypothetical",
        "other_mention",
        "inverse",
        "neighbouring_fact",
    )
    derived_kinds = ("swapped", "re_paired", "other_pairs")
    forms = ("chat", "continuation", "plain")

    def misfit(self, example: Example, schema: Schema) -> str | None:
        """Whether the entity types are not those of the relation."""
        relation = schema.by_label[example.relation]
        if relation.allows(example):
            return None
        return (
            f"{example.relation} asks for {relation.head_type or 'any'} -> {relation.tail_type or 'any'}, "
            f"the mentions are {example.head.type} -> {example.tail.type}: correct the types, the relation "
            "or the schema (relations.jsonl)"
        )

    def unfit(self, item: Sentence, schema: Schema) -> str | None:
        """Whether no relation has the types of head and tail; a mention without a type fits any."""
        head, tail = item.head.type, item.tail.type
        if None in (head, tail) or schema.relates(item.head, item.tail):
            return None
        return f"no relation has the types {head} -> {tail}"

    def about(self, example: Example, schema: Schema) -> str | None:
        """The relation, or the one that it comes near without stating it; own data may have any field of that name."""
        near = (example.model_extra or {}).get("near")
        if example.label == schema.negative and near in schema.labels and near != schema.negative:
            return str(near)
        return super().about(example, schema)

    def text(self, example: Sentence) -> str:
        """The sentence."""
        return example.text

    def item(self, example: Sentence) -> Hashable:
        """The sentence, and which of its words are head and tail."""
        return example.text, (example.head.start, example.head.end), (example.tail.start, example.tail.end)

    def doubts(self, schema: Schema) -> Mapping[str, Callable[[Sentence], str | None]]:
        """A mention that is a part of a word, offsets that count something else, types that no relation has."""
        from relseed.tasks.relation.doubts import cut_mention, unrelated_types, utf16_offsets

        return {
            "whose offsets seem to count UTF-16 units: count characters, an emoji is one": utf16_offsets,
            "with a mention that begins or ends inside a word": cut_mention,
            "with types that no relation but the negative one has": lambda example: unrelated_types(example, schema),
        }

    def relabelled(self, example: Example, label: str) -> Example:
        """The same sentence with another relation."""
        return example.model_copy(update={"relation": label})

    def masked(self, example: Sentence) -> str:
        """The sentence with both mentions masked."""
        from relseed.tasks.relation.tags import replace_mentions

        return replace_mentions(example, "[MASK]", "[MASK]")

    def texts(self, example: Sentence) -> tuple[str, str | None]:
        """The sentence, and its two mentions as a second text."""
        return example.text, f"{example.head.text_of(example.text)}, {example.tail.text_of(example.text)}"

    def surface(self, example: Sentence) -> Hashable:
        """The entity types, which typed markers give away."""
        return example.head.type, example.tail.type

    def surfaces(self, schema: Schema) -> Sequence[Hashable]:
        """The pairs of types that relations ask for, in the schema's order; a relation of any types has none."""
        pairs = [(each.head_type, each.tail_type) for each in schema.relations if not each.negative]
        return tuple(dict.fromkeys(pair if None not in pair else None for pair in pairs))

    def segments(self, example: Sentence) -> list[tuple[str, str | None, str | None]]:
        """The sentence, with its mentions as `head` and `tail`, their types as notes."""
        pieces: list[tuple[str, str | None, str | None]] = []
        place = 0
        for role, mention in sorted((("head", example.head), ("tail", example.tail)), key=lambda pair: pair[1].start):
            pieces.append((example.text[place : mention.start], None, None))
            pieces.append((mention.text_of(example.text), role, mention.type))
            place = mention.end
        return [*pieces, (example.text[place:], None, None)]

    def candidate_segments(self, candidate: "Candidate") -> list[tuple[str, str | None, str | None]]:
        """The same where its tags can be read, else its text as it came."""
        from relseed.tasks.relation.tags import untag

        try:
            sentence = untag(candidate.text)
        except ValueError:
            return [(candidate.text, None, None)]
        fields = candidate.fields
        mentions = {
            role: getattr(sentence, role).model_copy(update={"type": fields.get(f"{role}_type")})
            for role in ("head", "tail")
        }
        return self.segments(sentence.model_copy(update=mentions))

    def derived(self, kind: str, schema: Schema, seeds: Sequence[Example]) -> Iterator[Derived]:
        """Head and tail exchanged, mentions of two sentences paired, other pairs of a sentence's mentions."""
        from relseed.tasks.relation.derived import DERIVED

        return DERIVED[kind](schema, seeds)

    def show(self, example: Sentence) -> str:
        """The sentence with its mentions in tags.

        Raises:
            UserError: The text itself holds such a tag, which an LLM could not tell from those of the mentions.
        """
        from relseed.tasks.relation.tags import tagged

        try:
            return tagged(example)
        except ValueError as error:
            raise UserError(f"example {example.id} cannot be shown to an LLM: {error}") from None

    def read_tuples(self, path: Path, schema: Schema) -> list[Any]:
        """The tuples of a file, of relations of the schema and of their types."""
        from relseed.tasks.relation.entity_tuple import read_tuples

        return read_tuples(path, schema)

    def read_drafts(self, path: Path, schema: Schema) -> list[Any]:
        """The tuples of a file of accepted sentences, each with its sentence."""
        from relseed.tasks.relation.entity_tuple import tuple_of

        return list(map(tuple_of, task.read_examples(path, self, schema, empty=True)))

    def prompt(self, ask: Ask, form: str) -> Prompt:
        """A request for sentences: instructions (`chat`), a text to go on with (`continuation`), or one to turn into
        another (`plain`).
        """
        if ask.tuples:
            from relseed.tasks.relation.tuple_prompts import tuple_prompt

            return tuple_prompt(ask, form)
        if form == "continuation":
            from relseed.tasks.relation.continuation import Continuation

            return Continuation.of(ask)
        if ask.options:
            from relseed.tasks.formatting import FormattingPrompt
            from relseed.tasks.relation.formatted import format_of

            return FormattingPrompt(ask, format_of(ask))
        if ask.loop == "passages":
            from relseed.tasks.relation.passage_prompt import PassagePrompt

            return PassagePrompt.of(ask)
        from relseed.tasks.relation.prompt import SentencePrompt

        return SentencePrompt.of(ask)

    def rules(self, schema: Schema, seeds: Sequence[Example], settings: "RuleSettings") -> "Rules":
        """Tags, types, lengths, leaks of the label, copies, language."""
        from relseed.tasks.relation.rules import rules_of

        return rules_of(schema, seeds)

    def read_item(self, values: Mapping[str, Any]) -> Sentence:
        """A sentence with `head` and `tail`, or both in its text as tags; `head_type` and `tail_type` are their types.

        Raises:
            ValueError: They are no sentence with two mentions.
        """
        from relseed.tasks.relation.tags import untag

        types = {role: values[f"{role}_type"] for role in ("head", "tail") if values.get(f"{role}_type")}
        fields = {name: value for name, value in values.items() if name not in ("head_type", "tail_type")}
        if "head" not in fields and "tail" not in fields:
            fields |= untag(str(fields.get("text", ""))).model_dump(exclude_unset=True)
        for role, kind in types.items():
            if isinstance(fields.get(role), Mapping):
                fields[role] = {**fields[role], "type": kind}
        return Sentence.model_validate(fields)


TASK = RelationTask()
