"""The corpus of pre-training: seeds with their explanations, every token of a kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from transformers import BatchEncoding, PreTrainedTokenizerBase

from relseed.explanations.explanation import Explanation
from relseed.pipeline.errors import UserError
from relseed.pretraining.spans import mentions, occurrences, relation_span
from relseed.tasks.relation import Example, Schema
from relseed.tasks.relation.tags import Span

_Spans = Sequence[Span]


class TokenKind(IntEnum):
    """What a token is a part of."""

    SPECIAL = 0  # no part of any text
    OTHER = 1
    MENTION = 2  # of the head or the tail, in the seed or in the explanation
    RELATION = 3  # of the words that carry the relation


@dataclass(frozen=True, slots=True)
class Text:
    """A seed with its explanation: token ids, their kinds, the class number of the relation.

    `span`: token positions of the relation span in the sentence, end exclusive; None for the negative label, which
    asserts no relation, and where no words carry one.
    """

    ids: list[int]
    kinds: list[TokenKind]
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
    if unknown := next((explanation for explanation in explanations if explanation.seed not in by_id), None):
        raise UserError(f"{unknown.id} explains {unknown.seed}, which is no seed: run `dvc repro explain` again")
    return [
        encode_pair(tokenizer, schema, by_id[explanation.seed], explanation, max_length) for explanation in explanations
    ]


def encode_pair(
    tokenizer: PreTrainedTokenizerBase, schema: Schema, seed: Example, explanation: Explanation, max_length: int
) -> Text:
    """A seed and its explanation as one input; of what exceeds `max_length` tokens, the explanation's end is cut.

    Raises:
        UserError: The seed alone is too long.
    """
    batch = tokenizer(seed.text, explanation.text, return_offsets_mapping=True, verbose=False)
    if len(batch["input_ids"]) > max_length:
        if len(tokenizer(seed.text, "", verbose=False)["input_ids"]) >= max_length:
            raise UserError(f"seed {seed.id} is longer than {max_length} tokens: raise max_length of the encoder")
        batch = tokenizer(
            seed.text, explanation.text, return_offsets_mapping=True, truncation="only_second", max_length=max_length
        )
    trigger = trigger_span(schema, seed, explanation.trigger)
    named = [words for mention in (seed.head, seed.tail) for words in [mention.text_of(seed.text)]]
    parts = (
        (mentions(seed), [trigger] if trigger else []),
        (
            [span for words in named for span in occurrences(explanation.text, words)],
            occurrences(explanation.text, seed.text[slice(*trigger)]) if trigger else [],
        ),
    )
    return _text(batch, schema, seed, parts)


def trigger_span(schema: Schema, sentence: Example, trigger: str) -> Span | None:
    """The words of a sentence that carry its relation, None where none do: see `relation_span`."""
    return None if schema.by_label[sentence.relation].negative else relation_span(sentence, trigger)


def _text(batch: BatchEncoding, schema: Schema, sentence: Example, parts: Sequence[tuple[_Spans, _Spans]]) -> Text:
    """The tokens with their kinds; `parts` has the mentions and the words of the relation in each part of the input."""
    kinds = [
        TokenKind.SPECIAL if part is None else _kind(span, *parts[part])
        for span, part in zip(batch["offset_mapping"], batch.sequence_ids(), strict=True)
    ]
    inside = [at for at, part in enumerate(batch.sequence_ids()) if part == 0 and kinds[at] is TokenKind.RELATION]
    span = (inside[0], inside[-1] + 1) if inside else None
    return Text(batch["input_ids"], kinds, schema.labels.index(sentence.relation), span)


def _kind(token: Span, named: Sequence[Span], carrying: Sequence[Span]) -> TokenKind:
    for kind, spans in ((TokenKind.MENTION, named), (TokenKind.RELATION, carrying)):
        if any(start < token[1] and token[0] < end for start, end in spans):
            return kind
    return TokenKind.OTHER
