"""Prompt templates: one file each beside this one."""

from pathlib import Path
from typing import Any

from relseed.pipeline.errors import UserError
from relseed.pipeline.templates import render
from relseed.tasks.relation import Example
from relseed.tasks.relation.tags import tagged


def prompt(name: str, **fields: Any) -> str:
    """Fill the template `<name>.jinja`; a field that is missing is an error, not a blank."""
    return render(Path(__file__).with_name(f"{name}.jinja"), **fields)


def demonstration(seed: Example) -> str:
    """A seed as prompts show it: its text with the mentions in tags.

    Raises:
        UserError: The text itself holds such a tag, which an LLM could not tell from those of the mentions.
    """
    try:
        return tagged(seed)
    except ValueError as error:
        raise UserError(f"seed {seed.id} cannot be shown to an LLM: {error}") from None
