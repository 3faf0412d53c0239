"""Owns the proof that messages cross between processes whole, in order, and that an end is noticed."""

import unittest

from tokenprism_baseline.channel import Channel, pair
from tokenprism_baseline.messages import Column, Gone


class Ends(unittest.TestCase):
    def test_messages_cross_in_order_and_an_end_is_noticed(self) -> None:
        ours, theirs = pair()
        other = Channel(theirs)
        self.assertFalse(other.has_message())
        ours.send(Gone(1, 2))
        ours.send(Column([1] * 1000, 0.5, 7, None))
        self.assertTrue(other.has_message())
        self.assertEqual(other.receive(), Gone(1, 2))
        self.assertEqual(other.receive(), Column([1] * 1000, 0.5, 7, None))
        self.assertFalse(other.has_message())
        ours.close()
        self.assertTrue(other.has_message())
        self.assertIsNone(other.receive())
        # To nobody: the next receive tells.
        other.send(Gone(1, 2))
        self.assertIsNone(other.receive())
        other.close()


if __name__ == "__main__":
    unittest.main()
