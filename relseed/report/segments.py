"""Examples as HTML: what has a role is marked, with a note to hover over."""

from collections.abc import Iterable

from markupsafe import Markup, escape


def highlighted(segments: Iterable[tuple[str, str | None, str | None]]) -> Markup:
    """Pieces of text, each with its role and a note or without, as one line of HTML."""
    return Markup("").join(_piece(*segment) for segment in segments)


def _piece(text: str, role: str | None, note: str | None) -> Markup:
    if role is None:
        return escape(text)
    title = f"{role}, {note}" if note else role
    return Markup('<mark class="{}" title="{}">{}</mark>').format(role, title, text)
