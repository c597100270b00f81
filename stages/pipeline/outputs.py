"""Outputs that are whole or absent: written beside their place, then renamed into it.

What a killed process left beside is removed by the next that writes the same output; git and DVC ignore it.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _beside(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    if partial.is_dir():
        shutil.rmtree(partial)
    partial.unlink(missing_ok=True)
    return partial


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
