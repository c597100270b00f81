"""Wild input for property-based tests: texts, mentions, tokens."""

from hypothesis import assume
from hypothesis import strategies as st

from relseed.tasks.relation import Mention, Sentence
from relseed.tasks.relation.tags import Span

characters = st.characters(exclude_categories=["Cs"], exclude_characters="\n")
words = st.text(characters, max_size=12)
mentions = st.text(characters, min_size=1, max_size=12).filter(lambda text: text == text.strip())
# No white space of any kind: a mention must not begin or end with it.
tokens = st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"]), min_size=1, max_size=6)


@st.composite
def sentences(draw: st.DrawFn) -> Sentence:
    """Head or tail first, adjacent or apart, inside words or not; no tags in the text."""
    before, first, between, second, after = (draw(part) for part in (words, mentions, words, mentions, words))
    text = before + first + between + second + after
    assume("e1>" not in text and "e2>" not in text)
    start, middle = len(before), len(before + first + between)
    spans = [Mention(start=start, end=start + len(first)), Mention(start=middle, end=middle + len(second))]
    head, tail = draw(st.permutations(spans))
    return Sentence(text=text, head=head, tail=tail)


@st.composite
def tokenized(draw: st.DrawFn) -> tuple[list[str], Span, Span]:
    """Tokens, and head and tail as inclusive spans that share no token, in either order."""
    groups = [draw(st.lists(tokens, min_size=least, max_size=4)) for least in (0, 1, 0, 1, 0)]
    ends = [sum(map(len, groups[: number + 1])) for number in range(5)]
    head, tail = draw(st.permutations([(ends[0], ends[1] - 1), (ends[2], ends[3] - 1)]))
    return [token for group in groups for token in group], head, tail
