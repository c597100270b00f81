"""Typed parameters: sections of params.yaml, and entries of its mappings, checked when a stage starts."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from relseed.pipeline.errors import UserError

PARAMS = Path("params.yaml")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")  # names become parts of ids, paths and DVC's stage names


class Section(BaseModel):
    """Base of every section and entry: unknown keys are errors, values are converted by their annotation.

    The conversion matters: DVC writes `1e-05`, which YAML 1.1 reads as a string.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


SectionType = TypeVar("SectionType", bound=Section)


class Params:
    """params.yaml as a stage reads it: once, at its start."""

    def __init__(self, values: Mapping[str, Any], path: Path = PARAMS) -> None:
        self.values, self.path = values, path

    @classmethod
    def read(cls, path: Path = PARAMS) -> "Params":
        """Read the file.

        Raises:
            UserError: It is missing.
        """
        if not path.exists():
            raise UserError(f"{path} not found: run stages from the root of the repository")
        return cls(yaml.safe_load(path.read_text(encoding="utf-8")), path)

    def section(self, name: str, kind: type[SectionType]) -> SectionType:
        """The section of this name, or the entry of a mapping (`methods.one_by_one`), checked.

        Raises:
            UserError: It is missing, or has a missing, unknown or unfit value.
        """
        try:
            return kind.model_validate(self._find(name) or {})
        except ValidationError as error:
            problems = "; ".join(_describe(name, problem) for problem in error.errors())
            keys = f". '{name}' has the keys {', '.join(kind.model_fields)}" if kind.model_fields else ""
            raise UserError(f"{self.path}: {problems}{keys}") from None

    def value(self, name: str) -> Any:
        """A value that stands for itself, such as `task`.

        Raises:
            UserError: It is missing.
        """
        return self._find(name)

    def names(self, mapping: str) -> tuple[str, ...]:
        """The names of a mapping's entries, in their order.

        Raises:
            UserError: The mapping is missing, or a name has characters that no file and no stage can have.
        """
        names = tuple(map(str, self._find(mapping) or {}))
        for name in names:
            if not _NAME.fullmatch(name):
                raise UserError(
                    f"{self.path}: {mapping} has an entry {name!r}: a name has letters, digits, '_', '-' and '.'"
                )
        return names

    def _find(self, name: str) -> Any:
        *above, last = name.split(".", 1)
        found: Any = self.values
        for key in above:
            if not isinstance(found, dict) or key not in found:
                raise UserError(f"{self.path} has no section '{key}'")
            found = found[key]
        if isinstance(found, dict) and last in found:
            return found[last]
        if above:
            known = ", ".join(map(str, found)) if found else "none"
            raise UserError(f"{self.path}: {above[0]} has no entry '{last}', it has {known}")
        raise UserError(f"{self.path} has no section '{last}'")


def _describe(name: str, problem: Any) -> str:
    key = ".".join(map(str, (name, *problem["loc"])))
    return f"{key}: {problem['msg'].removeprefix('Value error, ')}"
