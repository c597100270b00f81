"""Where a training keeps its state until it is done: a folder named after all that determines the result."""

import hashlib
import json
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from filelock import FileLock, Timeout

from stages.extractor.encoders import encoder_path
from stages.extractor.hardware import device, has_bf16
from stages.pipeline.outputs import scratch


def scratch_folder(stage: Path, code: Iterable[Path], encoder: str, determining: Mapping[str, Any]) -> Path:
    """The folder for the state of one training, the same for a run that repeats it and for no other.

    Its name holds that of the file `stage`, and a digest of the files in `code`, of the encoder that training starts
    from (one in a folder counts by its files' times and sizes), of all else that is `determining`, as JSON, and of the
    machine.
    """
    parts = {
        **determining,
        "encoder": _state_of(Path(encoder_path(encoder))),
        "code": hashlib.sha256(b"".join(path.read_bytes() for path in [*sorted(code), stage])).hexdigest(),
        "versions": [torch.__version__, transformers.__version__],
        "machine": [_name(device()), has_bf16(device()), torch.get_num_threads()],
    }
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return scratch() / f"{stage.stem}-{digest[:16]}"


@contextmanager
def reserved(folders: Collection[Path]) -> Iterator[None]:
    """Keep the folders to the block, and remove them if it ends well.

    Two processes that train the same thing at once, such as queued experiments that differ in their evaluation
    alone, take turns.
    """
    with ExitStack() as locks:
        for folder in sorted(folders):  # in one order for all, so that no two wait for each other
            lock = folder.parent / "locks" / folder.name
            lock.parent.mkdir(parents=True, exist_ok=True)
            locks.enter_context(_taken(lock))
        yield
        for folder in folders:
            if folder.exists():  # a training without updates keeps no state
                shutil.rmtree(folder)


def _taken(lock: Path) -> FileLock:
    taken = FileLock(lock)
    try:
        taken.acquire(timeout=0)
    except Timeout:
        print(f"another process trains the same thing ({lock}): waiting for it", file=sys.stderr, flush=True)
        taken.acquire()
    return taken


def _name(where: torch.device) -> str:
    return torch.cuda.get_device_name(where) if where.type == "cuda" else where.type


def _state_of(folder: Path) -> list[tuple[str, int, int]]:
    files = sorted(path for path in folder.glob("*") if path.is_file()) if folder.is_dir() else []
    return [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
