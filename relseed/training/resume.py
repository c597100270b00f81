"""Resuming an interrupted training: where its state lies, how it is written, and how it is taken up again."""

import hashlib
import json
import shutil
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from filelock import FileLock, Timeout

import relseed
from relseed.pipeline.outputs import output_file, scratch
from relseed.records.files import md5_of
from relseed.training.device import device, has_bf16
from relseed.training.encoders import encoder_path


def state_folder(stage: str, start: str, **determining: Any) -> Path:
    """The folder for the state of one training: the same for a run that repeats it, and for no other.

    Its name holds `stage` and a fingerprint of all that decides the result: the weights that training starts from
    (those in the folder `start` and in folders below it, or of the model of that name), everything `determining`
    (plain values for JSON), the code of the library and of the stage, the versions of PyTorch and transformers, and
    the machine.
    """
    parts = {
        **determining,
        "start": _weights(start),
        "code": _code(stage),
        "versions": [torch.__version__, transformers.__version__],
        "machine": [_name(device()), has_bf16(device()), torch.get_num_threads()],
    }
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return scratch() / f"{stage}-{digest[:16]}"


def _weights(start: str) -> Any:
    folder = Path(encoder_path(start))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(path.relative_to(folder).as_posix(), md5_of(path)) for path in files] or start


def _code(stage: str) -> str:
    files = [*sorted(Path(relseed.__path__[0]).rglob("*.py")), *Path("stages").glob(f"{stage}.py")]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _name(where: torch.device) -> str:
    return torch.cuda.get_device_name(where) if where.type == "cuda" else where.type


@contextmanager
def locked(folders: Collection[Path]) -> Iterator[None]:
    """Keep the state folders to the block, and remove them if it ends well.

    Two processes that train the same thing at once, such as queued experiments that differ in their evaluation
    alone, take turns.
    """
    with ExitStack() as locks:
        for folder in sorted(folders):  # in one order for all, so that no two wait for each other
            lock = folder.parent / "locks" / folder.name
            lock.parent.mkdir(parents=True, exist_ok=True)
            locks.enter_context(_acquired(lock))
        yield
        for folder in folders:
            if folder.exists():  # a training without steps keeps no state
                shutil.rmtree(folder)


def _acquired(path: Path) -> FileLock:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"another process trains the same thing ({path}): waiting for it", file=sys.stderr, flush=True)
        lock.acquire()
    return lock


def save_weights(path: Path, weights: Mapping[str, Any]) -> None:
    """Write tensors by name, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with output_file(path) as partial:
        torch.save(weights, partial)


def save_state(path: Path, parts: Mapping[str, Any], device: torch.device, progress: Any) -> None:
    """Write the state of `parts` (model, optimizer, ...), of the random numbers, and `progress`, which is JSON."""
    state = {name: part.state_dict() for name, part in parts.items()}
    state |= {"random": torch.get_rng_state(), "progress": json.dumps(progress)}
    if device.type == "cuda":
        state["random_cuda"] = torch.cuda.get_rng_state(device)
    save_weights(path, state)


def load_state(path: Path, parts: Mapping[str, Any], device: torch.device) -> Any:
    """Bring `parts` and the random numbers to the state on disk and return its progress; None where there is none."""
    if not path.exists():
        return None
    state = torch.load(path, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    torch.set_rng_state(state["random"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["random_cuda"], device)
    return json.loads(state["progress"])
