"""Modules found by a name in params.yaml, so that no file is a dependency of what does not use it.

What such modules share lies beside them; their package says so in `SHARED`, and it is found by no name.
"""

import pkgutil
from importlib import import_module
from types import ModuleType

from relseed.pipeline.errors import UserError


def load(package: str, name: str, what: str) -> ModuleType:
    """The module `name` of `package`; `what` it is, in words, for the error.

    Raises:
        UserError: There is none of this name.
    """
    if name not in (known := names(package)):
        raise UserError(f"no {what} {name!r}: there are {', '.join(known)}")
    return import_module(f"{package}.{name}")


def names(package: str) -> list[str]:
    """The names that modules of a package are found by."""
    found = import_module(package)
    return sorted({module.name for module in pkgutil.iter_modules(found.__path__)} - set(getattr(found, "SHARED", ())))
