"""Run a stage's `main` as a command whose options are the function's parameters."""

import errno
import inspect
import sys
from collections.abc import Callable
from typing import Annotated, get_origin

import typer

from relseed.pipeline.errors import UserError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)  # of a disk, which a person can mend


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
    """Run an app whose `UserError`s are messages for people, and so is a disk that takes no more."""
    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        print(
            f"error: {error}: make room there, or write elsewhere, and run again; nothing was left half-written, and "
            "responses that came are kept",
            file=sys.stderr,
        )
        raise SystemExit(1) from None
