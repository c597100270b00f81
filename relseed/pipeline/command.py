"""Run a stage's `main` as a command whose arguments are the function's parameters."""

import sys
from collections.abc import Callable

import typer

from relseed.pipeline.errors import UserError


def run(main: Callable[..., None]) -> None:
    """Parse the command line by `main`'s annotations and call it.

    A `UserError` ends the process with its message and exit status 1; any other exception is a
    defect and keeps its traceback.
    """
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(help=sys.modules["__main__"].__doc__)(main)
    guarded(app)


def guarded(app: typer.Typer) -> None:
    """Run an app whose `UserError`s are messages for people."""
    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
