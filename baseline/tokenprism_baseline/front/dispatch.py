"""Owns the way of requests to the model and of its tokens back: one batch at a time.
Must not know HTTP, nor how the model is reached.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Any

from ..messages import Batch, Column, Gone, Over, Row
from .errors import ApiError, busy, failed, stopping
from .job import Job
from .metrics import ABORT, ERROR, PHASES, Metrics
from .rows import Rows
from .waiting import Waiting


class Running:
    """The batch that the model works on."""

    def __init__(self, number: int, jobs: list[Job], eos: Collection[int]) -> None:
        rows = [Row(job.work.prompt, job.work.max_tokens, job.work.ignore_eos) for job in jobs]
        self.message = Batch(number, rows)
        self.jobs = jobs
        self.rows = Rows(rows, eos)
        self.phase = PHASES[0]

    def live(self) -> list[Job]:
        """The requests that still generate."""
        return [self.jobs[row] for row in self.rows.live]


class Dispatcher:
    """Takes requests in, hands batches out. Everything happens on the event loop."""

    def __init__(
        self, waiting: Waiting, capacity: int, eos: Collection[int], metrics: Metrics, send: Callable[[Any], None]
    ) -> None:
        self._waiting = waiting
        self._capacity = capacity
        self._eos = eos
        self._metrics = metrics
        self._send = send
        self._running: Running | None = None
        self._batches = 0
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    def push(self, job: Job) -> None:
        """Puts a request at the end of the queue, or raises the ApiError with which it is refused."""
        if self._is_closed:
            raise stopping()
        if len(self._waiting.jobs) >= self._capacity:
            raise busy()
        self._waiting.jobs.append(job)
        self._next()

    def leave(self, job: Job) -> None:
        """Frees the place of a client that has gone, in the queue or in the batch."""
        if job in self._waiting.jobs:
            self._waiting.jobs.remove(job)
            self._metrics.count(ABORT)
        elif (running := self._running) is not None and job in running.live():
            row = running.jobs.index(job)
            running.rows.drop(row)
            self._metrics.count(ABORT)
            self._send(Gone(running.message.number, row))
        self._show()

    def column(self, column: Column) -> None:
        """The model has one more token for every row of the batch."""
        running = self._running
        if running is None:
            return
        if running.phase == PHASES[0]:
            self._metrics.batch(len(running.jobs), sum(len(job.work.prompt) for job in running.jobs))
        tokens = running.rows.advance(column.tokens)
        self._metrics.column(running.phase, column, len(tokens))
        running.phase = PHASES[1]
        for row, token, ending in tokens:
            if ending is not None:
                self._metrics.count(ending)
            running.jobs[row].sink.token(token, ending)
        self._show()

    def over(self, over: Over) -> None:
        """The model is free; rows that have not ended never will."""
        error = failed(over.failure or "The model ended this request's batch too early.")
        self._lose(self._live(), error)
        self._running = None
        self._metrics.over(over)
        self._next()

    async def close(self, drain_s: float, error: ApiError) -> None:
        """Takes nothing more, turns away who waits, and cuts what still runs after `drain_s` seconds."""
        self._is_closed = True
        waiting, self._waiting.jobs = self._waiting.jobs, []
        self._lose(waiting, error)
        self._show()
        if running := self._live():
            await asyncio.wait([job.sink.ended for job in running], timeout=drain_s)
        self._lose(self._live(), error)
        # The model may go on for a moment, and nobody is to hear of it.
        self._running = None
        self._show()

    def _live(self) -> list[Job]:
        return self._running.live() if self._running is not None else []

    def _lose(self, jobs: list[Job], error: ApiError) -> None:
        for job in jobs:
            self._metrics.count(ERROR)
            job.sink.failed(error)

    def _next(self) -> None:
        """Begins a batch where one is due, or sets the timer for it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._running is None:
            loop = asyncio.get_running_loop()
            polled = self._waiting.poll(loop.time())
            if isinstance(polled, list):
                self._running = Running(self._batches, polled, self._eos)
                self._batches += 1
                self._send(self._running.message)
            elif polled is not None:
                self._timer = loop.call_later(polled, self._next)
        self._show()

    def _show(self) -> None:
        self._metrics.requests_waiting = len(self._waiting.jobs)
        self._metrics.requests_running = len(self._running.rows.live) if self._running is not None else 0
