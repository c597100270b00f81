"""Outputs that are whole or absent: written beside their place, then renamed into it.

What a killed process left beside is removed by the next that writes the same output; git and DVC ignore it.
"""

import fcntl
import fnmatch
import glob
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from relseed.pipeline.errors import UserError

# What `save_pretrained` writes of a model and its tokenizer.
CHECKPOINT = (
    "config.json",
    "generation_config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "*token*",
    "vocab*",
    "merges.txt",
    "*.model",
    "chat_template.jinja",
)
_CLOCK = 2  # seconds that the start of a process is told too late, at most


def main_checkout() -> Path:
    """The root of the main checkout, also where a DVC experiment runs in a temporary workspace, which is removed."""
    return Path(os.environ.get("DVC_ROOT", "."))


def scratch() -> Path:
    """The folder for what outlives a run without being its result, shared by all experiments.

    One that died is resumed from there when it is queued again.
    """
    return main_checkout() / ".scratch"


def _beside(path: Path) -> Path:
    """The place beside `path` to write to; what the dead left there is removed.

    Raises:
        UserError: Another process, on another machine or in another container, writes under the same process id.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        if _is_left(left):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    if partial.exists():
        raise UserError(f"another process is writing {path} (into {partial}): wait until it has ended, then run again")
    return partial


def _is_left(partial: Path) -> bool:
    """Whether nobody writes to it any more.

    A process id alone does not tell: one is given again to another process, and counts from 1 in each container.
    """
    try:
        if _is_locked(partial):
            return False
        pid, changed = int(partial.name.split(".")[-2]), partial.stat().st_ctime
        return pid == os.getpid() or psutil.Process(pid).create_time() > changed + _CLOCK
    except FileNotFoundError:  # whoever wrote it has just ended well
        return False
    except psutil.NoSuchProcess:
        return True


def _is_locked(partial: Path) -> bool:
    with _opened(partial) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # a file system without locks
            return False
    return False


@contextmanager
def _locked(partial: Path) -> Iterator[None]:
    """Hold a lock on what is being written: it ends with the process, however that ends."""
    with _opened(partial) as descriptor:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


@contextmanager
def _opened(partial: Path) -> Iterator[int]:
    descriptor = os.open(partial, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def output_file(path: Path) -> Iterator[Path]:
    """Yield a place to write a file to; it becomes `path` if the block ends well, else it is removed.

    Raises:
        UserError: Another process is writing it.
    """
    partial = _beside(path)
    partial.touch()
    try:
        with _locked(partial):
            yield partial
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def output_folder(path: Path, *names: str) -> Iterator[Path]:
    """Yield an empty folder to fill; it becomes `path` if the block ends well, else it is removed.

    What is there is replaced if it is of these `names`, patterns of `fnmatch` for all that is written into the folder,
    or hidden.

    Raises:
        UserError: Something else is there, which nobody meant to lose, or another process is writing the folder.
    """
    _check_replaceable(path, names)
    partial = _beside(path)
    partial.mkdir()
    try:
        with _locked(partial):
            yield partial
            shutil.rmtree(path, ignore_errors=True)
            partial.replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _check_replaceable(path: Path, names: Sequence[str]) -> None:
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise UserError(f"{path} is no folder, and a folder is to be written there: name another, or move it away")
    found = [entry.name for entry in path.glob("*") if not entry.name.startswith(".")]
    foreign = sorted(name for name in found if not any(fnmatch.fnmatch(name, pattern) for pattern in names))
    if foreign:
        raise UserError(
            f"{path} holds files that this stage did not write and would replace ({', '.join(foreign[:3])}"
            f"{', ...' if len(foreign) > 3 else ''}): name another folder, or move them away"
        )
