"""Owns the proof of when batches begin and whom they take, by virtual time."""

import unittest
from typing import Any

from tokenprism_baseline.front.job import Job
from tokenprism_baseline.front.request import Work
from tokenprism_baseline.front.waiting import Waiting


def job(prompt: int, max_tokens: int = 10) -> Job:
    sink: Any = None
    return Job(Work(prompt=[0] * prompt, max_tokens=max_tokens), sink)


class Batches(unittest.TestCase):
    def check(self, waiting: Waiting, now: float, expect: list[int] | float | None) -> None:
        polled = waiting.poll(now)
        if isinstance(polled, list):
            polled = [len(job.work.prompt) for job in polled]
        self.assertEqual(polled, expect)

    def test_one_at_a_time_never_waits(self) -> None:
        waiting = Waiting(1, 5.0, 100)
        self.check(waiting, 0.0, None)
        waiting.jobs += [job(1), job(2)]
        self.check(waiting, 0.0, [1])
        self.check(waiting, 9.0, [2])
        self.check(waiting, 9.0, None)

    def test_a_batch_that_is_not_full_waits_from_its_first_request(self) -> None:
        waiting = Waiting(3, 0.5, 100)
        self.check(waiting, 7.0, None)
        waiting.jobs.append(job(1))
        self.check(waiting, 8.0, 0.5)
        waiting.jobs.append(job(2))
        self.check(waiting, 8.25, 0.25)
        self.check(waiting, 8.5, [1, 2])
        # The next one has its own wait.
        waiting.jobs.append(job(3))
        self.check(waiting, 8.75, 0.5)

    def test_a_full_batch_begins_at_once(self) -> None:
        waiting = Waiting(2, 0.5, 100)
        waiting.jobs.append(job(1))
        self.check(waiting, 0.0, 0.5)
        waiting.jobs += [job(2), job(3)]
        self.check(waiting, 0.125, [1, 2])
        self.check(waiting, 0.125, 0.5)

    def test_requests_that_waited_for_the_model_give_others_the_time_to_join(self) -> None:
        waiting = Waiting(4, 0.5, 100)
        # It came while the model was busy, which is not asked for then; the model is free at 10.
        waiting.jobs.append(job(1))
        self.check(waiting, 10.0, 0.5)
        waiting.jobs += [job(2), job(3), job(4)]
        self.check(waiting, 10.125, [1, 2, 3, 4])

    def test_an_emptied_queue_forgets_its_wait(self) -> None:
        waiting = Waiting(2, 0.5, 100)
        waiting.jobs.append(job(1))
        self.check(waiting, 0.0, 0.5)
        waiting.jobs.clear()
        self.check(waiting, 0.25, None)
        waiting.jobs.append(job(2))
        self.check(waiting, 0.375, 0.5)

    def test_a_batch_is_no_longer_than_the_context(self) -> None:
        waiting = Waiting(8, 0.0, 100)
        waiting.jobs += [job(10, 20), job(30, 60), job(30, 70), job(10, 71), job(29, 71)]
        self.check(waiting, 0.0, [10, 30, 30])
        self.check(waiting, 0.0, [10, 29])
        waiting.jobs += [job(90, 20), job(1)]
        # The first goes however long it is: it was checked alone.
        self.check(waiting, 0.0, [90])
        self.check(waiting, 0.0, [1])


if __name__ == "__main__":
    unittest.main()
