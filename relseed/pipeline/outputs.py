"""Outputs that are whole or absent: written beside their place, then renamed into it.

What a killed process left beside is removed by the next that writes the same output; git and DVC ignore it.
"""

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


def main_checkout() -> Path:
    """The root of the main checkout, also where a DVC experiment runs in a temporary workspace, which is removed."""
    return Path(os.environ.get("DVC_ROOT", "."))


def scratch() -> Path:
    """The folder for what outlives a run without being its result, shared by all experiments.

    One that died is resumed from there when it is queued again.
    """
    return main_checkout() / ".scratch"


def _beside(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        if not psutil.pid_exists(int(left.name.split(".")[-2])):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


@contextmanager
def output_file(path: Path) -> Iterator[Path]:
    """Yield a place to write a file to; it becomes `path` if the block ends well, else it is removed."""
    partial = _beside(path)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def output_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; it becomes `path` if the block ends well, else it is removed."""
    partial = _beside(path)
    partial.mkdir()
    try:
        yield partial
        shutil.rmtree(path, ignore_errors=True)
        partial.replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
