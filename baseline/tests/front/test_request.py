"""Owns the proof that requests are read strictly: what cannot be honoured is refused, never passed over."""

import json
import unittest
from typing import Any

from tokenprism_baseline.front.errors import ApiError, bad_request
from tokenprism_baseline.front.request import Limits, read, read_text


def encode(text: str, with_special: bool) -> list[int]:
    """One token a character, after a special one."""
    return [1] * with_special + [ord(letter) for letter in text]


LIMITS = Limits("tiny", 64, 256, encode)
PLAIN = {"prompt": [1, 2, 3]}


class Requests(unittest.TestCase):
    def check(self, fields: dict[str, Any], **expect: Any) -> None:
        work = read(json.dumps(PLAIN | fields).encode(), LIMITS)
        for name, value in expect.items():
            self.assertEqual(getattr(work, name), value, f"{name} of {fields}")

    def refuse(self, fields: dict[str, Any], says: str, code: int = 400, limits: Limits = LIMITS) -> None:
        with self.assertRaises(ApiError) as refused:
            read(json.dumps(PLAIN | fields).encode(), limits)
        self.assertEqual(refused.exception.code, code, str(fields))
        self.assertIn(says, refused.exception.message)

    def test_fields_are_read(self) -> None:
        self.check({}, prompt=[1, 2, 3], max_tokens=16, ignore_eos=False, stream=False, return_token_ids=False)
        self.check({"prompt": "ab"}, prompt=[1, 97, 98])
        self.check({"prompt": "ab", "add_special_tokens": False}, prompt=[97, 98])
        self.check({"prompt": ["ab"]}, prompt=[1, 97, 98])
        self.check({"prompt": [[5, 6]]}, prompt=[5, 6])
        self.check({"model": "tiny", "max_tokens": 61, "ignore_eos": True}, max_tokens=61, ignore_eos=True)
        usage = {"include_usage": True, "continuous_usage_stats": True}
        self.check({"stream": True, "stream_options": usage}, stream=True, include_usage=True, continuous_usage=True)
        only = {"continuous_usage_stats": True}
        self.check({"stream": True, "stream_options": only}, include_usage=False, continuous_usage=False)
        self.check({"return_token_ids": True}, return_token_ids=True)

    def test_null_is_absence(self) -> None:
        names = [
            "anything",
            "model",
            "max_tokens",
            "stream",
            "stream_options",
            "temperature",
            "min_tokens",
            "n",
            "stop",
            "logprobs",
        ]
        self.check(dict.fromkeys(names), max_tokens=16, stream=False)

    def test_what_asks_for_nothing_is_taken(self) -> None:
        neutral = {"n": 1, "best_of": 1, "top_p": 1.0, "top_k": -1, "min_p": 0, "presence_penalty": 0.0, "stop": [],
                   "frequency_penalty": 0, "repetition_penalty": 1.0, "echo": False, "logit_bias": {}, "seed": 7,
                   "user": "me", "temperature": 0.0, "stop_token_ids": [], "logprobs": None, "suffix": ""}  # fmt: skip
        self.check(neutral, max_tokens=16)
        self.check({"min_tokens": 8, "max_tokens": 8, "ignore_eos": True}, max_tokens=8)

    def test_what_changes_the_work_is_refused(self) -> None:
        asked = {"n": 2, "best_of": 3, "top_p": 0.9, "top_k": 40, "min_p": 0.1, "presence_penalty": 1, "stop": ["x"],
                 "frequency_penalty": 1, "repetition_penalty": 1.1, "echo": True, "logit_bias": {"5": 1}, "logprobs": 0,
                 "stop_token_ids": [2], "suffix": "s", "use_beam_search": True, "lora": "x"}  # fmt: skip
        for name, value in asked.items():
            self.refuse({name: value}, f"does not support `{name}`")
        self.refuse({"temperature": 0.7}, "cannot sample at temperature 0.7")
        self.refuse({"temperature": float("nan")}, "cannot sample")
        self.refuse({"min_tokens": 2}, "only with `ignore_eos`")

    def test_bad_values_are_named(self) -> None:
        self.refuse({"prompt": None}, "has no prompt")
        self.refuse({"prompt": []}, "at least one token")
        self.refuse({"prompt": ["a", "b"]}, "one prompt a request")
        for prompt in (5, {"a": 1}, [1.5], [-1], [True], [1, "a"], [[1], [2.0]][1:]):
            self.refuse({"prompt": prompt}, "a text or a list of token ids")
        self.refuse({"prompt": [255, 256]}, "Token id 256 is out of vocabulary, which has 256 tokens")
        self.refuse({"max_tokens": 0}, "must be at least 1")
        self.refuse({"max_tokens": True}, "must be a whole number")
        self.refuse({"max_tokens": 62}, "62 > 64 - 3")
        self.refuse({"prompt": [1] * 65}, "maximum context length is 64 tokens. However, your prompt contains 65")
        self.refuse({"stream": 1}, "`stream` must be true or false")
        self.refuse({"stream_options": {"include_usage": True}}, "only be defined when `stream=True`")
        self.refuse({"temperature": "0"}, "must be a number")
        self.refuse({"min_tokens": -1}, "at least 0")
        self.refuse({"min_tokens": 17}, "less than or equal to max_tokens=16")
        self.refuse({"model": "other"}, "The model `other` does not exist. Valid aliases: tiny.", 404)

    def test_text_without_a_tokenizer_is_refused_in_its_words(self) -> None:
        def none(text: str, with_special: bool) -> list[int]:
            raise bad_request("prompt", "This server has no tokenizer.")

        self.refuse({"prompt": "a"}, "no tokenizer", limits=Limits("tiny", 64, 256, none))

    def test_a_body_that_is_no_request(self) -> None:
        for body in (b"", b"{bad", b"[]", b"\xff", b"[" * 100_000):
            with self.assertRaises(ApiError) as refused:
                read(body, LIMITS)
            self.assertEqual((refused.exception.code, refused.exception.kind), (400, "Bad Request"))
            self.assertIn("could not be read", refused.exception.message)

    def test_text_is_tokenised_on_request(self) -> None:
        # Other servers call the text `content`; clients send both names.
        body = {"model": "tiny", "prompt": "ab", "content": "ab", "add_special_tokens": False}
        self.assertEqual(read_text(json.dumps(body).encode(), LIMITS), [97, 98])
        with self.assertRaises(ApiError):
            read_text(b"{}", LIMITS)


if __name__ == "__main__":
    unittest.main()
