"""Keys and passwords, kept out of all that is printed or written."""

import base64
import html
import json
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

_NAMES = (
    "OPENAI_API_KEY",
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "ARGILLA_API_KEY",
    "VLLM_API_KEY",
)
_HIDDEN = "***"
_ADDRESS = re.compile(r"""(?<=//)[^/\s"'<>]+(?=@)""")  # user and password in one
# What local servers take for a key (`none`, `EMPTY`, `ollama`) stands in any sentence: so short or plain a word is
# hidden where it is sent as a key, and nowhere else.
_SHORTEST, _SHORTEST_WORD = 8, 16

_concealed: set[str] = set()


def conceal(address: str) -> None:
    """Hide the password of an address from now on, wherever it turns up, also as the header that it is sent in."""
    parts = urlsplit(address)
    if parts.password:
        user, password = unquote(parts.username or ""), unquote(parts.password)
        _concealed.update((password, base64.b64encode(f"{user}:{password}".encode()).decode()))


def redacted(text: str) -> str:
    """A text with every secret in it as `***`, in whichever way it is escaped.

    Secrets are what the environment holds under names such as OPENAI_API_KEY, and passwords in addresses.
    """
    text = _ADDRESS.sub(_HIDDEN, text)
    found = tuple(sorted({*_concealed, *(os.environ.get(name, "").strip() for name in _NAMES)} - {""}))
    return _pattern(found).sub(_HIDDEN, text) if found else text


@lru_cache(maxsize=4)
def _pattern(values: tuple[str, ...]) -> re.Pattern[str]:
    forms = {form for value in values for form in _forms(value)}
    return re.compile("|".join(sorted(forms, key=len, reverse=True)))  # the longest first: one may begin another


def _forms(value: str) -> Iterator[str]:
    """A secret as servers repeat it, as regular expressions."""
    word = len(value) < _SHORTEST or (value.isalpha() and len(value) < _SHORTEST_WORD)
    before, behind = (r"(?<=[Bb]earer )", r"(?!\w)") if word else ("", "")
    plain = (
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        html.escape(value),
        quote(value, safe=""),
        base64.b64encode(value.encode("utf-8", "surrogateescape")).decode(),
    )
    yield from (f"{before}{re.escape(form)}{behind}" for form in plain)
