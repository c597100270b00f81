"""The key of an endpoint, from the environment alone."""

import os

from relseed.llm.engines.statuses import KEY
from relseed.pipeline.errors import UserError


def key_of_environment() -> str | None:
    """The key of the endpoint, None where the environment has none.

    Raises:
        UserError: It holds a character that no key has; the message names the character's kind, and not the key.
    """
    key = os.environ.get(KEY, "")
    for character in key:
        if problem := _unfit(character):
            raise UserError(
                f"the key in the environment variable {KEY} holds {problem}, which cannot be sent: set it again "
                "without. Nothing was asked"
            )
    return key or None


def _unfit(character: str) -> str | None:
    if character in "\r\n":
        return "a line end"
    if character.isspace():
        return "a blank"
    if character in "\"'`":
        return "a quote"
    if not character.isascii():
        return "a character that is not ASCII"
    return None if character.isprintable() else "a control character"
