"""Tokens per second of SmolLM2, free and held to a regular expression, in our process and by vLLM, in one run.

    python -m benchmarks.decode    # needs `make vllm`

16 requests at a time, each for 64 tokens of a long text, so that no row ends before the others; with new seeds each
round. Free and held requests take turns. vLLM runs after ours has ended: two models on the same cores slow each other.
"""

import asyncio
import json
import os
import platform
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml
from typer import run

from relseed.llm.engines.openai import Endpoint, Limits
from relseed.llm.engines.transformers import Transformers, TransformersEngine
from relseed.llm.engines.vllm import serving
from relseed.llm.llm import LLM
from relseed.llm.request import Message, Request, Response
from tests.vllm import params

RESULT = Path("benchmarks/decode.json")
SIZE, TOKENS = 16, 64
LIMITS = Limits(concurrency=SIZE, timeout=600, attempts=1, outage=0, rate_limit_timeout=60, backoff=1)
HELD: dict[str, Any] = {"regex": r"([^<>\x00-\x1f]*<e1>[^<>\x00-\x1f]+</e1>)?[^<>\x00-\x1f]+"}

Complete = Callable[[Request], Awaitable[Response]]


def main(rounds: int = 5, vllm: str = ".vllm/bin/vllm") -> None:
    """Measure, print and write."""
    os.environ |= {"VLLM_TARGET_DEVICE": "cpu", "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"}
    llm = LLM(**yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))["llms"]["smollm2"])
    rates = {"transformers": asyncio.run(_in_process(llm, rounds)), "vllm": asyncio.run(_served(llm, rounds, vllm))}
    means = {engine: {kind: fmean(each) for kind, each in kinds.items()} for engine, kinds in rates.items()}
    result = {
        "tokens_per_second": means,
        "held_per_free": {engine: kinds["held"] / kinds["free"] for engine, kinds in means.items()},
        "rounds": rates,
        "command": f"python -m benchmarks.decode --rounds {rounds}",
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


async def _in_process(llm: LLM, rounds: int) -> dict[str, list[float]]:
    engine = TransformersEngine(Transformers(batch_size=SIZE), llm.model, llm.revision, {})
    return await _take_turns(engine.complete, llm, rounds)


async def _served(llm: LLM, rounds: int, command: str) -> dict[str, list[float]]:
    options = ("--dtype", "bfloat16", "--max-num-seqs", str(SIZE))
    settings = params(command=command, max_model_len=512, options=options)
    with tempfile.TemporaryDirectory() as folder:
        async with serving(settings, llm.model, llm.revision, Path(folder) / "vllm.log") as url:
            endpoint = Endpoint("vllm", url, LIMITS)
            rates = await _take_turns(endpoint.complete, llm, rounds)
            await endpoint.close()
    return rates


async def _take_turns(complete: Complete, llm: LLM, rounds: int) -> dict[str, list[float]]:
    """Tokens per second of each round; one round of each goes before, uncounted."""
    rates: dict[str, list[float]] = {"free": [], "held": []}
    for number in range(rounds + 1):
        for kind, schema in (("free", None), ("held", HELD)):
            rate = await _rate(complete, _requests(llm, 2 * number + (kind == "held"), schema))
            if number:
                rates[kind].append(rate)
    return rates


async def _rate(complete: Complete, requests: Sequence[Request]) -> float:
    start = time.perf_counter()
    responses = await asyncio.gather(*map(complete, requests))
    return sum(response.completion_tokens or 0 for response in responses) / (time.perf_counter() - start)


def _requests(llm: LLM, round: int, schema: dict[str, Any] | None) -> list[Request]:
    """Requests that no other round sends."""
    asked = "Write a long story about a river, a bridge and the two families that live beside it."
    return [
        Request(
            model=llm.model,
            revision=llm.revision,
            messages=(Message(role="user", content=asked),),
            response_schema=schema,
            temperature=0.8,
            top_p=0.95,
            max_tokens=TOKENS,
            seed=round * SIZE + number,
        )
        for number in range(SIZE)
    ]


if __name__ == "__main__":
    run(main)
