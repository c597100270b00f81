"""Run a stage's `main` as a command whose options are the function's parameters."""

import errno
import inspect
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, NoReturn, get_origin

import typer

from relseed.pipeline.errors import UserError, printable


def _entry(value: str) -> str:
    return value.rpartition("@")[2]


# The entry of params.yaml that a stage runs for: under DVC that of the stage, `all_at_once` of `generate@all_at_once`.
# It comes by the environment, because DVC would put a name into the command as it stands, and the shell run it.
Entry = Annotated[str, typer.Option(envvar="DVC_STAGE", parser=_entry, help="the name of an entry in params.yaml")]


def run(main: Callable[..., None]) -> None:
    """Parse the command line by `main`'s annotations, each parameter an option of its name, and call it.

    A `UserError` ends the process with its message and exit status 1; any other exception is a
    defect and keeps its traceback.
    """

    def command(**options: object) -> None:
        main(**options)

    signature = inspect.signature(main, eval_str=True)
    command.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[
            parameter.replace(annotation=_option(parameter.annotation), kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in signature.parameters.values()
        ]
    )
    command.__annotations__ = {name: _option(parameter.annotation) for name, parameter in signature.parameters.items()}
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(help=sys.modules["__main__"].__doc__)(command)
    guarded(app)


def _option(annotation: type) -> object:
    return annotation if get_origin(annotation) is Annotated else Annotated[annotation, typer.Option()]


def guarded(app: typer.Typer) -> None:
    """Run an app whose `UserError`s are messages for people; whatever else it ends with is told without secrets."""
    try:
        app()
    except UserError as error:
        _end(f"error: {error}")
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _MACHINE:
            _end(f"error: {error}: {_MACHINE[error.errno]}")
        _end(traceback.format_exc().rstrip())


_MACHINE = {  # what the machine lacks, and what a person can do about it
    errno.ENOSPC: "make room on that disk, and run again",
    errno.EDQUOT: "your share of that disk is used up: make room, and run again",
    errno.EFBIG: "files may not become that large there: raise the limit, or write elsewhere, and run again",
    errno.EMFILE: "a process may open more files after `ulimit -n 4096`; then run again",
    errno.ENFILE: "all processes of this machine together have too many files open: end some, and run again",
    errno.EROFS: "name a place that can be written to",
}


def _end(message: str) -> NoReturn:
    print(printable(message), file=sys.stderr)
    raise SystemExit(1) from None
