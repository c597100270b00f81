"""How tests serve a model by vLLM, and what runs on the machine meanwhile."""

from typing import Any

import psutil

from relseed.llm.engines.vllm import Vllm

OPTIONS = ("--dtype", "bfloat16", "--enforce-eager", "--max-num-seqs", "8")


def params(**changes: Any) -> Vllm:
    fields: dict[str, Any] = {
        "command": "vllm",
        "tensor_parallel_size": 1,
        "data_parallel_size": 1,
        "executor": "mp",
        "max_model_len": 2048,
        "lora": {},
        "startup_timeout": 240,
        "options": OPTIONS,
    }
    return Vllm(**fields | changes)


def commands() -> list[list[str]]:
    """The command lines of all processes."""
    return [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
