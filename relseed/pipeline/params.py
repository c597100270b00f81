"""Typed parameters: one section of params.yaml per stage, checked when the stage starts."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from relseed.pipeline.errors import UserError

PARAMS = Path("params.yaml")


class Section(BaseModel):
    """Base of every section: unknown keys are errors, values are converted by their annotation.

    The conversion matters: DVC writes `1e-05`, which YAML 1.1 reads as a string.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


SectionType = TypeVar("SectionType", bound=Section)


def read_params(path: Path = PARAMS) -> dict[str, Any]:
    """Read the whole of params.yaml as plain values.

    Raises:
        UserError: The file is missing.
    """
    if not path.exists():
        raise UserError(f"{path} not found: run stages from the root of the repository")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def section(kind: type[SectionType], path: Path = PARAMS) -> SectionType:
    """Read the section of params.yaml that is named after `kind` (`Finetune` reads `finetune`).

    Raises:
        UserError: The section is missing, or has a missing, unknown or unfit value.
    """
    name = kind.__name__.lower()
    params = read_params(path)
    if name not in params:
        raise UserError(f"{path} has no section '{name}'")
    try:
        return kind.model_validate(params[name] or {})
    except ValidationError as error:
        problems = "; ".join(_say(name, problem) for problem in error.errors())
        keys = f". '{name}' has the keys {', '.join(kind.model_fields)}" if kind.model_fields else ""
        raise UserError(f"{path}: {problems}{keys}") from None


def _say(name: str, problem: Any) -> str:
    key = ".".join(map(str, (name, *problem["loc"])))
    return f"{key}: {problem['msg'].removeprefix('Value error, ')}"
