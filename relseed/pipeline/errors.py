"""The error a person can do something about."""

import re

from relseed.pipeline.secrets import redacted

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # but for tabs and line ends


class UserError(Exception):
    """Something outside the code is wrong: the message says what, where, and what to do.

    A stage that ends with one prints the message alone, without a traceback.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


def printable(text: str) -> str:
    """A text that a terminal can show: without secrets, its control characters escaped."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", redacted(text))
