"""Text from templates: prompts, cards, pages."""

import json
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def render(template: Path, **fields: Any) -> str:
    """Fill a template; values are escaped where its name ends in `.html.jinja`.

    Raises:
        jinja2.UndefinedError: A field that the template needs is not among `fields`: it would leave a hole.
    """
    return _templates(template.parent).get_template(template.name).render(**fields)


@cache  # so that a template is compiled once
def _templates(folder: Path) -> Environment:
    templates = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=lambda name: name is not None and name.endswith(".html.jinja"),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Unlike jinja2's own `tojson`, it escapes no letters: a prompt is read as it stands.
    templates.filters["json"] = partial(json.dumps, ensure_ascii=False)
    return templates
