"""How long the whole pipeline takes, stage by stage, in a fresh clone.

    python -m benchmarks.pipeline FOLDER    # clones this checkout into FOLDER, runs `dvc repro` there

FOLDER must not exist; nothing of this checkout's cache is used. The result is in benchmarks/pipeline.json.
"""

import json
import re
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import typer

from benchmarks.finetune import machine

RESULT = Path(__file__).with_suffix(".json")
_STAGE = re.compile(r"Running stage '([^']+)':")


def seconds_of(lines: Iterable[tuple[float, str]]) -> dict[str, float]:
    """Seconds of each stage, from the lines that `dvc repro` printed and the times at which they came."""
    found: dict[str, float] = {}
    name, since = None, 0.0
    for moment, line in lines:
        if name:
            found[name] = round(moment - since, 1)
        if started := _STAGE.match(line):
            name, since = started[1], moment
    return found


def main(folder: Path) -> None:
    """Clone, run, and write what each stage took."""
    subprocess.run(["git", "clone", "--quiet", str(Path.cwd()), str(folder)], check=True)
    begun = time.monotonic()
    command = ["dvc", "repro"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
        assert run.stdout is not None
        stages = seconds_of((time.monotonic(), line) for line in run.stdout)
    if run.returncode:
        raise SystemExit(f"dvc repro ended with {run.returncode}")
    write(stages, time.monotonic() - begun)


def write(stages: dict[str, float], seconds: float) -> None:
    """Write the result."""
    measured = {
        "seconds": round(seconds),
        "stages": stages,
        "command": "python -m benchmarks.pipeline FOLDER",
        "machine": machine(),
    }
    RESULT.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
