"""Owns the proof of which rows are heard of, and for how long."""

import unittest

from tokenprism_baseline.front.rows import LENGTH, STOP, Rows
from tokenprism_baseline.messages import Row

EOS = 9


def rows(*limits: tuple[int, bool]) -> Rows:
    return Rows([Row([1], max_tokens, ignore_eos) for max_tokens, ignore_eos in limits], {EOS})


class Ends(unittest.TestCase):
    def check(self, rows: Rows, columns: list[list[int]], expect: list[list[tuple[int, int, str | None]]]) -> None:
        self.assertEqual([rows.advance(column) for column in columns], expect)

    def test_each_row_has_exactly_its_length(self) -> None:
        self.check(
            rows((1, True), (3, True)),
            [[5, 6], [7, 8], [5, 5], [5, 5]],
            [[(0, 5, LENGTH), (1, 6, None)], [(1, 8, None)], [(1, 5, LENGTH)], []],
        )

    def test_the_end_token_ends_a_row_that_heeds_it(self) -> None:
        batch = rows((3, False), (2, True))
        self.check(batch, [[EOS, EOS], [5, EOS]], [[(0, EOS, STOP), (1, EOS, None)], [(1, EOS, LENGTH)]])
        self.assertEqual(batch.live, [])

    def test_a_dropped_row_is_not_heard_of_again(self) -> None:
        batch = rows((2, True), (2, True))
        batch.drop(0)
        batch.drop(0)
        self.assertEqual(batch.live, [1])
        self.check(batch, [[5, 6]], [[(1, 6, None)]])


if __name__ == "__main__":
    unittest.main()
