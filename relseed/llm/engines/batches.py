"""Requests that wait at the same time, answered together by a model in this process."""

import asyncio
from collections.abc import Callable, Sequence

from relseed.llm.request import Request, RequestFailedError, Response

Responses = Sequence[Response | Exception]


class BatchQueue:
    """Gathers requests into batches of one adapter each, and has them answered one batch after another."""

    def __init__(self, respond: Callable[[Sequence[Request]], Responses], size: int) -> None:
        """Have batches of `size` requests at most answered by `respond`, in a thread of its own."""
        self._respond, self._size = respond, size
        self._waiting: list[tuple[Request, asyncio.Future[Response]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def complete(self, request: Request) -> Response:
        """The response, once its batch is done."""
        future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await future

    def halt(self) -> None:
        """Finish what is being worked on, and nothing else."""
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(RequestFailedError("stopped", "it was not asked"))
        self._waiting.clear()

    async def _work(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # requests of the same moment join the batch
            if not self._waiting:  # halted meanwhile
                return
            batch = self._next()
            found: Responses
            try:
                found = await asyncio.to_thread(self._respond, [request for request, _ in batch])
            except Exception as error:  # every request that waits must fail with it
                found = [error] * len(batch)
            for (_, future), response in zip(batch, found, strict=True):
                if future.cancelled():
                    continue
                if isinstance(response, Exception):
                    future.set_exception(response)
                else:
                    future.set_result(response)

    def _next(self) -> list[tuple[Request, asyncio.Future[Response]]]:
        """The longest waiting request, and others of the same adapter."""
        adapter = self._waiting[0][0].adapter
        mine = [at for at, (request, _) in enumerate(self._waiting) if request.adapter == adapter][: self._size]
        batch = [self._waiting[at] for at in mine]
        for at in reversed(mine):
            del self._waiting[at]
        return batch


def before_end(ids: list[int], end: int, most: int) -> tuple[list[int], bool]:
    """The tokens of a response before its token `end`, `most` at most, and whether it ended in time."""
    ended = end in ids[:most]
    return ids[: ids.index(end)] if ended else ids[:most], ended
