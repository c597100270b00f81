"""The corpus of pre-training: seeds with their explanations, and written sentences; every token of a kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from transformers import BatchEncoding, PreTrainedTokenizerBase

from relseed.pipeline.errors import UserError
from relseed.pretraining.spans import mentions, occurrences, relation_span
from relseed.tasks.relation import Example, Schema
from relseed.tasks.relation.tags import Span
from relseed.tasks.relation.written import Explanation

_Spans = Sequence[Span]


class Kind(IntEnum):
    """What a token is a part of."""

    SPECIAL = 0  # no part of any text
    OTHER = 1
    MENTION = 2  # of the head or the tail, in the seed or in the explanation
    RELATION = 3  # of the words that carry the relation


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence, with its explanation if it has one: token ids, their kinds, the class number of the relation.

    `span`: token positions of the relation span in the sentence, end exclusive; None for the negative label, which
    asserts no relation, and where no words carry one.
    """

    ids: list[int]
    kinds: list[Kind]
    relation: int
    span: Span | None


def corpus(
    tokenizer: PreTrainedTokenizerBase,
    schema: Schema,
    seeds: Sequence[Example],
    explanations: Sequence[Explanation],
    max_length: int,
) -> list[Text]:
    """Every explanation with the seed that it explains, in the order of `explanations`.

    Raises:
        UserError: There are no explanations, one explains no seed, or a seed alone is longer than `max_length` tokens.
    """
    if not explanations:
        raise UserError("there are no explanations to pre-train on: see what `explain` rejected")
    by_id = {seed.id: seed for seed in seeds}
    if strange := next((one for one in explanations if one.seed not in by_id), None):
        raise UserError(f"{strange.id} explains {strange.seed}, which is no seed: run `dvc repro explain` again")
    return [explained(tokenizer, schema, by_id[one.seed], one, max_length) for one in explanations]


def explained(
    tokenizer: PreTrainedTokenizerBase, schema: Schema, seed: Example, explanation: Explanation, max_length: int
) -> Text:
    """A seed and its explanation as one input; of what exceeds `max_length` tokens, the explanation's end is cut.

    Raises:
        UserError: The seed alone is too long.
    """
    batch = tokenizer(seed.text, explanation.text, return_offsets_mapping=True, verbose=False)
    if len(batch["input_ids"]) > max_length:
        if len(tokenizer(seed.text, "", verbose=False)["input_ids"]) >= max_length:
            raise UserError(f"seed {seed.id} is longer than {max_length} tokens: raise pretrain.max_length")
        batch = tokenizer(
            seed.text, explanation.text, return_offsets_mapping=True, truncation="only_second", max_length=max_length
        )
    carrying = _carrying(schema, seed, explanation.trigger)
    named = [words for mention in (seed.head, seed.tail) for words in [mention.within(seed.text)]]
    parts = (
        (mentions(seed), [carrying] if carrying else []),
        (
            [span for words in named for span in occurrences(explanation.text, words)],
            occurrences(explanation.text, seed.text[slice(*carrying)]) if carrying else [],
        ),
    )
    return _text(batch, schema, seed, parts)


def alone(tokenizer: PreTrainedTokenizerBase, schema: Schema, sentence: Example, max_length: int) -> Text:
    """A sentence that nobody explained: its relation span are the words between its mentions.

    Raises:
        UserError: It is too long.
    """
    batch = tokenizer(sentence.text, return_offsets_mapping=True, verbose=False)
    if len(batch["input_ids"]) > max_length:
        raise UserError(f"sentence {sentence.id} is longer than {max_length} tokens: raise pretrain.max_length")
    carrying = _carrying(schema, sentence, "")
    return _text(batch, schema, sentence, [(mentions(sentence), [carrying] if carrying else [])])


def _carrying(schema: Schema, sentence: Example, trigger: str) -> Span | None:
    return None if schema.by_label[sentence.relation].negative else relation_span(sentence, trigger)


def _text(batch: BatchEncoding, schema: Schema, sentence: Example, parts: Sequence[tuple[_Spans, _Spans]]) -> Text:
    """The tokens with their kinds; `parts` has the mentions and the words of the relation in each part of the input."""
    kinds = [
        Kind.SPECIAL if part is None else _kind(span, *parts[part])
        for span, part in zip(batch["offset_mapping"], batch.sequence_ids(), strict=True)
    ]
    inside = [at for at, part in enumerate(batch.sequence_ids()) if part == 0 and kinds[at] is Kind.RELATION]
    span = (inside[0], inside[-1] + 1) if inside else None
    return Text(batch["input_ids"], kinds, schema.labels.index(sentence.relation), span)


def _kind(token: Span, named: Sequence[Span], carrying: Sequence[Span]) -> Kind:
    for kind, spans in ((Kind.MENTION, named), (Kind.RELATION, carrying)):
        if any(start < token[1] and token[0] < end for start, end in spans):
            return kind
    return Kind.OTHER
