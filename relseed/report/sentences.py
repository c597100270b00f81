"""A page to read what was written: kept and rejected side by side, mentions highlighted, to filter and to search."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup, escape

from relseed.pipeline.templates import render
from relseed.tasks.relation import Mention, Sentence
from relseed.tasks.relation.tags import untag
from relseed.tasks.relation.written import Accepted, Draft, Rejected


@dataclass(frozen=True, slots=True)
class Row:
    """One written sentence as the page shows it."""

    id: str
    method: str
    relation: str
    shown: Markup
    check: str = ""
    reason: str = ""


def sentences_page(
    title: str, accepted: Mapping[str, Sequence[Accepted]], rejected: Mapping[str, Sequence[Rejected]]
) -> str:
    """Render the page; both mappings are by method."""
    kept = [Row(one.id, one.method, one.relation, highlighted(one)) for each in accepted.values() for one in each]
    refused = [_refused(one) for each in rejected.values() for one in each]
    rows = [*kept, *refused]
    return render(
        Path(__file__).with_name("sentences.html.jinja"),
        title=title,
        kept=kept,
        refused=refused,
        relations=_distinct(row.relation for row in rows),
        methods=_distinct(row.method for row in rows),
        checks=_distinct(row.check for row in refused),
    )


def highlighted(sentence: Sentence) -> Markup:
    """The text as HTML, head and tail marked, with their types."""
    shown, place = Markup(""), 0
    roles = (("head", sentence.head), ("tail", sentence.tail))
    for role, mention in sorted(roles, key=lambda pair: pair[1].start):
        shown += escape(sentence.text[place : mention.start]) + _marked(role, mention, sentence.text)
        place = mention.end
    return shown + escape(sentence.text[place:])


def _marked(role: str, mention: Mention, text: str) -> Markup:
    title = f"{role}, {mention.type}" if mention.type else role
    return Markup('<mark class="{}" title="{}">{}</mark>').format(role, title, mention.within(text))


def _refused(one: Rejected) -> Row:
    draft = one.draft
    return Row(draft.id, draft.method, draft.relation, _drafted(draft), one.check, one.reason)


def _drafted(draft: Draft) -> Markup:
    """A draft's text: with its mentions highlighted if they can be read, else as it came."""
    try:
        sentence = untag(draft.text)
    except ValueError:
        return escape(draft.text)
    head = sentence.head.model_copy(update={"type": draft.head_type})
    tail = sentence.tail.model_copy(update={"type": draft.tail_type})
    return highlighted(sentence.model_copy(update={"head": head, "tail": tail}))


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
