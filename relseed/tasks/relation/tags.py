"""Spans in other notations: inline tags, and tokens, turned into character offsets exactly."""

import re
from collections.abc import Sequence
from itertools import accumulate

from pydantic import ValidationError

from relseed.records.files import problem_of
from relseed.tasks.relation import Sentence

Span = tuple[int, int]

TAG = re.compile(r"</?e[12]>")
_ORDERS = (["<e1>", "</e1>", "<e2>", "</e2>"], ["<e2>", "</e2>", "<e1>", "</e1>"])


def untag(tagged: str) -> Sentence:
    """Read `The <e1>head</e1> and its <e2>tail</e2>.`; the tail may come first.

    Raises:
        ValueError: A tag is missing, repeated or inside another pair, or a mention is empty or starts or ends blank.
    """
    found = TAG.findall(tagged)
    if found not in _ORDERS:
        raise ValueError(f"{_wrong_with(found)}: mark the head as <e1>..</e1> and the tail as <e2>..</e2>, once each")
    parts = TAG.split(tagged)
    if hidden := TAG.search("".join(parts)):
        raise ValueError(f"without its tags the text holds {hidden.group()}: write tags once, and not into each other")
    ends = list(accumulate(map(len, parts)))
    spans = [{"start": ends[0], "end": ends[1]}, {"start": ends[2], "end": ends[3]}]
    head, tail = spans if found == _ORDERS[0] else reversed(spans)
    try:
        return Sentence.model_validate({"text": "".join(parts), "head": head, "tail": tail})
    except ValidationError as error:
        raise ValueError(problem_of(error)) from None


def _wrong_with(found: list[str]) -> str:
    for tag in _ORDERS[0]:
        if tag not in found:
            return f"no {tag}"
        if found.count(tag) > 1:
            return f"{tag} occurs {found.count(tag)} times"
    return f"the tags stand as {' '.join(found)}"


def tagged(sentence: Sentence) -> str:
    """Write the mentions into the text as inline tags: the inverse of `untag`.

    Raises:
        ValueError: The text itself holds a tag, so that the result could not be read back.
    """
    if tag := TAG.search(sentence.text):
        raise ValueError(f"the text itself holds {tag.group()}: take it out before tagging")
    head, tail = (
        f"<{name}>{mention.text_of(sentence.text)}</{name}>"
        for name, mention in (("e1", sentence.head), ("e2", sentence.tail))
    )
    return replace_mentions(sentence, head, tail)


def replace_mentions(sentence: Sentence, head: str, tail: str) -> str:
    """The text with other words in place of its two mentions."""
    text = sentence.text
    for mention, words in sorted(
        ((sentence.head, head), (sentence.tail, tail)), key=lambda pair: pair[0].start, reverse=True
    ):
        text = f"{text[: mention.start]}{words}{text[mention.end :]}"
    return text


def detokenize(tokens: Sequence[str]) -> str:
    """The text of tokens: one blank between each two, so that splitting at blanks gives the same tokens back.

    Raises:
        ValueError: A token is empty or holds a blank.
    """
    for number, token in enumerate(tokens):
        if not token or " " in token:
            raise ValueError(f"token {number} is {token!r}: a token is neither empty nor holds a blank")
    return " ".join(tokens)


def token_to_char_span(tokens: Sequence[str], span: Span) -> Span:
    """Turn a span of tokens (first, last; from 0, inclusive) into character offsets of their text (end exclusive).

    Raises:
        ValueError: The span does not fit the tokens.
    """
    first, last = span
    if not 0 <= first <= last < len(tokens):
        raise ValueError(
            f"tokens {first} to {last} do not fit the sentence of {len(tokens)} tokens: "
            "spans count tokens from 0, end inclusive"
        )
    start = sum(len(token) + 1 for token in tokens[:first])
    return start, start + len(" ".join(tokens[first : last + 1]))
