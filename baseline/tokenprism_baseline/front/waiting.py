"""Owns when a static batch begins, and which of the waiting requests it takes.
Must not know what is computed; time is a parameter, in seconds from any origin.
"""

from .job import Job


class Waiting:
    """The waiting requests, in order of arrival.

    A batch begins when it is full, or `wait_s` after the model was free and a request was there, whichever is first:
    the clients of the batch before have that long to join the next one.
    """

    def __init__(self, max_rows: int, wait_s: float, max_tokens: int) -> None:
        self._max_rows = max_rows
        self._wait_s = wait_s
        self._max_tokens = max_tokens
        self._opened: float | None = None
        self.jobs: list[Job] = []

    def poll(self, now: float) -> list[Job] | float | None:
        """Asked while the model is free: the next batch, the seconds until it begins, or None where nobody waits."""
        if not self.jobs:
            self._opened = None
            return None
        if self._opened is None:
            self._opened = now
        left = self._opened + self._wait_s - now
        if len(self.jobs) < self._max_rows and left > 0:
            return left
        self._opened = None
        rows = self._fitting()
        batch, self.jobs = self.jobs[:rows], self.jobs[rows:]
        return batch

    def _fitting(self) -> int:
        """How many of the first jobs make a batch no longer than the model's context, prompts padded to the longest."""
        prompt = output = rows = 0
        for job in self.jobs[: self._max_rows]:
            prompt = max(prompt, len(job.work.prompt))
            output = max(output, job.work.max_tokens)
            # The first always goes: it has been checked that it fits alone.
            if rows > 0 and prompt + output > self._max_tokens:
                break
            rows += 1
        return rows
