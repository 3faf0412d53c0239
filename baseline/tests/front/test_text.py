"""Owns the proof that text in pieces is the text as a whole."""

import random
import unittest

from tokenprism_baseline.front.text import TextStream


def decode_bytes(tokens: list[int]) -> str:
    return bytes(tokens).decode(errors="replace")


def decode_words(tokens: list[int]) -> str:
    """Like tokenizers that drop the blank at the beginning of a text."""
    return "".join(f" {token}" for token in tokens)[1:]


class Pieces(unittest.TestCase):
    def check(self, text: str | bytes, expect: list[str], prompt: bytes = b"") -> None:
        tokens = text.encode() if isinstance(text, str) else text
        stream = TextStream(decode_bytes, list(prompt))
        got = [stream.push(token, at + 1 == len(tokens)) for at, token in enumerate(tokens)]
        self.assertEqual(got, expect)

    def test_a_character_comes_whole_with_its_last_token(self) -> None:
        self.check("aé€", ["a", "", "é", "", "", "€"])
        self.check("😀!", ["", "", "", "😀", "!"])

    def test_what_never_becomes_a_character_is_not_held_for_ever(self) -> None:
        self.check(b"\x80\x80\x80\x80\x80a", ["", "", "", "\ufffd" * 4, "", "\ufffda"])
        self.check(b"a\xc3", ["a", "\ufffd"])

    def test_the_prompt_is_context_and_no_output(self) -> None:
        stream = TextStream(decode_words, [1, 2, 3])
        self.assertEqual([stream.push(4), stream.push(5)], [" 4", " 5"])
        # Half a character at the prompt's end is no context.
        self.check("ab", ["a", "b"], prompt=b"x\xe2\x82")

    def test_pieces_make_the_whole_whatever_the_tokens(self) -> None:
        drawn = random.Random(1)
        for _ in range(300):
            text = "".join(chr(drawn.choice([65, 233, 8364, 128512])) for _ in range(20))
            tokens = text.encode()
            stream = TextStream(decode_bytes)
            self.assertEqual("".join(stream.push(token) for token in tokens), text)


if __name__ == "__main__":
    unittest.main()
