"""What heads that show mentions share."""

from collections.abc import Mapping, Sequence
from typing import Any

from relseed.classifier.encoding import Input
from relseed.pipeline.errors import UserError
from relseed.tasks.task import Task


def check_mentions(task: Task, head: str) -> None:
    """Make sure that a task's examples have a head and a tail mention.

    Raises:
        UserError: They have none.
    """
    if not task.has_mentions:
        raise UserError(f"the head {head} shows two mentions, and examples of {task.name} have none: take first_token")


def has_types(examples: Sequence[Any]) -> bool:
    """Whether any mention of any example has an entity type."""
    return any(mention.type is not None for example in examples for mention in (example.head, example.tail))


def lacking_types(items: Sequence[Any], options: Mapping[str, Any]) -> str | None:
    """What items lack of what training had: entity types of their mentions."""
    untyped = sum(None in (item.head.type, item.tail.type) for item in items)
    if not options["typed"] or not untyped:
        return None
    return f"{untyped} of {len(items)} have a mention without an entity type: its markers are bare"


def type_words(entity_type: str) -> str:
    """An entity type in plain words."""
    return entity_type.replace("_", " ").lower()


def mark(sentence: Any, *, typed: bool) -> Input:
    """Put the markers into a sentence.

    A mention without a type, and every mention where `typed` is false, gets bare markers: `@ head @`, `# tail #`.
    """
    marks = [("head", sentence.head, "@", "*"), ("tail", sentence.tail, "#", "^")]
    text, position, starts = "", 0, {}
    for role, mention, outer, inner in sorted(marks, key=lambda entry: entry[1].start):
        text = _spaced(text + sentence.text[position : mention.start])
        starts[role] = len(text)
        label = f"{inner} {type_words(mention.type)} {inner} " if typed and mention.type else ""
        text += f"{outer} {label}{mention.text_of(sentence.text)} {outer}"
        position = mention.end
    end = len(text)
    whole = _spaced(text) + sentence.text[position:].removeprefix(" ")
    return Input(whole, anchors=(starts["head"], starts["tail"]), keep=(min(starts.values()), end))


def _spaced(text: str) -> str:
    # A marker is a word of its own even where the mention begins or ends inside one.
    return text if not text or text.endswith(" ") else f"{text} "
