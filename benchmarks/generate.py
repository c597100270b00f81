"""Our client beside a bare `openai` loop, against one `vllm serve` of a tiny random model, in one run.

    python -m benchmarks.generate    # needs `make vllm`

Both send the same bodies, 64 at a time, with new seeds each round; they take turns, so that what else the machine does
hits both. Ours also counts, keeps to its budget, and has each response on disk before it is returned. The last round
of ours is then sent again, which the cache answers.
"""

import asyncio
import json
import os
import platform
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from statistics import fmean

from openai import AsyncOpenAI
from typer import run

from relseed.llm.cache import Cache
from relseed.llm.client import Budget, Client
from relseed.llm.engines.openai import Endpoint, Limits
from relseed.llm.engines.vllm import Vllm, serving
from relseed.llm.prices import Prices
from relseed.llm.request import Message, Request
from tests.tiny_llm import save_tiny_llm

RESULT = Path("benchmarks/generate.json")
CONCURRENCY = 64
LIMITS = Limits(concurrency=CONCURRENCY, timeout=300, attempts=3, outage=0, rate_limit_timeout=60, backoff=1)

Send = Callable[[Sequence[Request]], Awaitable[None]]


def main(rounds: int = 4, requests: int = 512, vllm: str = ".vllm/bin/vllm") -> None:
    """Measure, print and write."""
    os.environ |= {"VLLM_TARGET_DEVICE": "cpu", "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(_measure(Path(folder), rounds, requests, vllm))
    result["command"] = f"python -m benchmarks.generate --rounds {rounds} --requests {requests}"
    result["machine"] = f"{platform.machine()}, {os.cpu_count()} processors, server on the same"
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


async def _measure(folder: Path, rounds: int, count: int, command: str) -> dict[str, object]:
    model = str(save_tiny_llm(folder / "model"))
    options = ("--dtype", "bfloat16", "--max-num-seqs", str(CONCURRENCY))
    params = Vllm(
        command=command,
        tensor_parallel_size=1,
        data_parallel_size=1,
        executor="mp",
        max_model_len=256,
        lora={},
        startup_timeout=300,
        options=options,
    )
    async with serving(params, model, None, folder / "vllm.log") as url:
        bare, endpoint = AsyncOpenAI(base_url=url, api_key="none", max_retries=0), Endpoint("vllm", url, LIMITS)
        with closing(Cache(folder / "cache.db")) as cache:
            client = Client(endpoint, cache, Budget(tokens=None, cost=None), Prices())
            rates = await _take_turns(
                lambda some: _loop(bare, some), lambda some: _ours(client, some), model, rounds, count
            )
            again = await _rate(lambda some: _ours(client, some), _requests(model, 2 * rounds, count))
        await endpoint.close()
        await bare.close()
    loop, ours = fmean(rates["loop"]), fmean(rates["ours"])
    return {
        "requests_per_second": {"bare loop": loop, "ours": ours, "ours, from the cache": again},
        "ours_per_bare": ours / loop,
        "cache_is_faster_by": again / ours,
        "rounds": rates,
    }


async def _take_turns(loop: Send, ours: Send, model: str, rounds: int, count: int) -> dict[str, list[float]]:
    """Requests per second of each round; one round of each goes before, uncounted."""
    rates: dict[str, list[float]] = {"loop": [], "ours": []}
    await _rate(loop, _requests(model, 2 * rounds + 1, count))
    await _rate(ours, _requests(model, 2 * rounds + 2, count))
    for number in range(rounds):
        rates["loop"].append(await _rate(loop, _requests(model, 2 * number + 1, count)))
        rates["ours"].append(await _rate(ours, _requests(model, 2 * number + 2, count)))
    return rates


async def _rate(send: Send, requests: Sequence[Request]) -> float:
    start = time.perf_counter()
    await send(requests)
    return len(requests) / (time.perf_counter() - start)


async def _ours(client: Client, requests: Sequence[Request]) -> None:
    await asyncio.gather(*map(client.send, requests))


async def _loop(client: AsyncOpenAI, requests: Sequence[Request]) -> None:
    slots = asyncio.Semaphore(CONCURRENCY)

    async def send(request: Request) -> None:
        async with slots:
            await client.chat.completions.create(**request.body())

    await asyncio.gather(*map(send, requests))


def _requests(model: str, round: int, count: int) -> list[Request]:
    """Requests that no other round sends."""
    return [
        Request(
            model=model,
            messages=(Message(role="user", content="Write a sentence about a river."),),
            temperature=1,
            top_p=1,
            max_tokens=16,
            seed=round * count + number,
        )
        for number in range(count)
    ]


if __name__ == "__main__":
    run(main)
