"""The state of a training on disk: written whole or not at all, and taken up where it was."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from stages.pipeline.outputs import output_file


def save_weights(path: Path, weights: Mapping[str, Any]) -> None:
    """Write tensors by name, beside the file first."""
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
