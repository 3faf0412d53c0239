"""Owns the proof of what clients see over real sockets, the model being played."""

import asyncio
import unittest

from tokenprism_baseline.front.errors import stopping
from tokenprism_baseline.front.http1 import MAX_BODY_BYTES
from tokenprism_baseline.messages import Gone

from .played import EOS, front

STREAM = {"prompt": [1, 2], "max_tokens": 3, "ignore_eos": True, "stream": True}


class Completions(unittest.IsolatedAsyncioTestCase):
    async def test_every_token_is_an_event_and_a_chunk_of_its_own(self) -> None:
        async with front() as played:
            usage = {"stream_options": {"include_usage": True}}
            client = await played.send(STREAM | usage | {"return_token_ids": True})
            batch = await played.batch(0)
            self.assertEqual((batch.rows[0].prompt, batch.rows[0].max_tokens), ([1, 2], 3))
            # Before the first token: the request has been taken.
            status, headers = await client.head()
            self.assertEqual((status, headers["content-type"]), (200, "text/event-stream; charset=utf-8"))
            for at, token in enumerate((5, EOS, 7)):
                played.column(token)
                event = await client.event()
                choice = event["choices"][0]
                self.assertEqual((choice["text"], choice["token_ids"]), ("", [token]))
                self.assertEqual(choice["prompt_token_ids"], [1, 2] if at == 0 else None)
                self.assertEqual(choice["finish_reason"], "length" if at == 2 else None)
                self.assertNotIn("usage", event)
            last = await client.event()
            self.assertEqual(last["choices"], [])
            self.assertEqual(last["usage"], {"prompt_tokens": 2, "total_tokens": 5, "completion_tokens": 3})
            self.assertEqual(await client.event(), "[DONE]")
            self.assertEqual(await client.chunk(), "")

    async def test_running_usage_and_a_natural_end(self) -> None:
        async with front() as played:
            options = {"include_usage": True, "continuous_usage_stats": True}
            client = await played.send(STREAM | {"ignore_eos": False, "stream_options": options})
            await played.batch(0)
            played.column(5)
            played.column(EOS)
            await client.head()
            self.assertEqual((await client.event())["usage"]["completion_tokens"], 1)
            end = await client.event()
            self.assertEqual((end["usage"]["completion_tokens"], end["choices"][0]["finish_reason"]), (2, "stop"))
            self.assertEqual(end["choices"][0]["token_ids"], None)

    async def test_a_whole_answer(self) -> None:
        async with front() as played:
            client = await played.send(STREAM | {"stream": False, "return_token_ids": True})
            await played.batch(0)
            for token in (5, 6, 7):
                played.column(token)
            status, body = await client.answer()
            self.assertEqual(status, 200)
            self.assertEqual((body["object"], body["model"]), ("text_completion", "tiny"))
            self.assertEqual(body["choices"][0]["token_ids"], [5, 6, 7])
            self.assertEqual(body["usage"]["completion_tokens"], 3)

    async def test_a_static_batch_ends_as_a_whole_and_the_next_waits(self) -> None:
        async with front(batch=2) as played:
            first = await played.send(STREAM | {"max_tokens": 1})
            await played.batch(0)
            second = await played.send(STREAM)
            third = await played.send(STREAM)
            await played.until("requests_waiting", 2)
            played.column(5)
            await first.head()
            self.assertEqual((await first.event())["choices"][0]["finish_reason"], "length")
            self.assertEqual(len(played.told), 1, "the model has not said that it is free")
            played.over()
            batch = await played.batch(1)
            self.assertEqual(len(batch.rows), 2)
            played.column(5, 6)
            for client in (second, third):
                await client.head()
                self.assertEqual((await client.event())["choices"][0]["finish_reason"], None)
            self.assertEqual(played.shown('batch_rows_bucket{le="1"}'), 1)
            self.assertEqual(played.shown('batch_rows_bucket{le="2"}'), 2)
            self.assertEqual(played.shown("prompt_tokens_total"), 6)
            self.assertEqual(played.shown("generation_tokens_total"), 3)

    async def test_one_connection_carries_request_after_request(self) -> None:
        async with front() as played:
            client = await played.send(STREAM | {"max_tokens": 1})
            # Sent before the first is answered: no byte of it may get lost.
            client.send(STREAM | {"max_tokens": 1})
            for number in (0, 1):
                await played.batch(number)
                played.column(5)
                await client.head()
                await client.event()
                self.assertEqual(await client.event(), "[DONE]")
                self.assertEqual(await client.chunk(), "")
                played.over()
            client.send(b"", "GET", "/health", more="connection: close\r\n")
            status, headers = await client.head()
            self.assertEqual((status, headers["connection"]), (200, "close"))
            self.assertTrue(await client.closed())


class Failures(unittest.IsolatedAsyncioTestCase):
    async def test_a_client_that_leaves_frees_its_place_in_queue_and_batch(self) -> None:
        async with front(batch=2, wait_s=60.0) as played:
            one, two = await played.send(STREAM), await played.send(STREAM)
            batch = await played.batch(0)
            self.assertEqual(len(batch.rows), 2)
            waiting = await played.send(STREAM)
            await played.until("requests_waiting", 1)
            waiting.leave()
            await played.until("requests_waiting", 0)
            one.leave()
            await played.until("requests_running", 1)
            gone = [message for message in played.told if isinstance(message, Gone)]
            self.assertEqual(len(gone), 1)
            two.leave()
            await played.until("requests_running", 0)
            await played.message(Gone(0, 1 - gone[0].row))
            # The model ends a batch that nobody waits for.
            played.over()
            self.assertEqual(played.shown('requests_total{finished_reason="abort"}'), 3)
            for _ in range(2):
                await played.send(STREAM)
            self.assertEqual(len((await played.batch(1)).rows), 2)

    async def test_a_batch_that_fails_tells_every_client_and_the_server_goes_on(self) -> None:
        async with front(batch=3, wait_s=60.0) as played:
            stream, whole = await played.send(STREAM), await played.send(STREAM | {"stream": False})
            short = await played.send(STREAM | {"max_tokens": 1})
            await played.batch(0)
            played.column(5, 6, 7)
            played.over("Out of memory: it did not fit.")
            await stream.head()
            self.assertEqual((await stream.event())["choices"][0]["finish_reason"], None)
            error = (await stream.event())["error"]
            self.assertEqual((error["code"], error["message"]), (500, "Out of memory: it did not fit."))
            self.assertEqual(await stream.event(), "[DONE]")
            self.assertEqual(await stream.chunk(), "")
            status, body = await whole.answer()
            self.assertEqual((status, body["error"]["type"]), (500, "InternalServerError"))
            # Whoever had all tokens before has no error.
            await short.head()
            self.assertEqual((await short.event())["choices"][0]["finish_reason"], "length")
            self.assertEqual(await short.event(), "[DONE]")
            self.assertEqual(played.shown('requests_total{finished_reason="error"}'), 2)
            for _ in range(3):
                await played.send(STREAM)
            self.assertEqual(len((await played.batch(1)).rows), 3)

    async def test_a_stop_turns_the_waiting_away_and_cuts_the_running_after_its_time(self) -> None:
        async with front() as played:
            running = await played.send(STREAM)
            await played.batch(0)
            waiting = await played.send(STREAM | {"stream": False})
            await played.until("requests_waiting", 1)
            played.service.is_stopping = True
            await played.dispatcher.close(0.01, stopping())
            status, body = await waiting.answer()
            self.assertEqual((status, body["error"]["code"]), (503, 503))
            await running.head()
            self.assertEqual((await running.event())["error"]["code"], 503)
            self.assertEqual(await running.event(), "[DONE]")
            self.assertEqual(await running.chunk(), "")
            # The model does not know yet; its tokens must not follow the end.
            played.column(5)
            running.send(b"", "GET", "/version")
            self.assertEqual((await running.answer())[0], 200)
            self.assertEqual(played.shown('requests_total{finished_reason="error"}'), 2)
            for path in ("/health", "/v1/models"):
                late = await played.send(b"", "GET", path)
                self.assertEqual((await late.answer())[0], 503)

    async def test_a_stop_lets_a_batch_end_that_ends_in_time(self) -> None:
        async with front() as played:
            running = await played.send(STREAM | {"max_tokens": 1})
            await played.batch(0)
            closing = asyncio.create_task(played.dispatcher.close(10.0, stopping()))
            await asyncio.sleep(0)
            played.column(5)
            await closing
            await running.head()
            self.assertEqual((await running.event())["choices"][0]["finish_reason"], "length")

    async def test_a_full_queue_is_503(self) -> None:
        async with front(capacity=1) as played:
            await played.send(STREAM)
            await played.batch(0)
            await played.send(STREAM)
            await played.until("requests_waiting", 1)
            refused = await played.send(STREAM)
            status, body = await refused.answer()
            self.assertEqual((status, body["error"]["type"]), (503, "Service Unavailable"))


class Routes(unittest.IsolatedAsyncioTestCase):
    async def test_while_loading_everything_that_needs_the_model_is_503(self) -> None:
        async with front(is_loading=True) as played:
            for method, path, expect in (
                ("GET", "/health", 503),
                ("GET", "/v1/models", 503),
                ("POST", "/v1/completions", 503),
                ("POST", "/tokenize", 503),
                ("GET", "/version", 200),
                ("GET", "/metrics", 200),
            ):
                client = await played.send(STREAM, method, path)
                self.assertEqual((await client.answer())[0], expect, path)

    async def test_models_version_and_unknown_routes(self) -> None:
        async with front() as played:
            _, models = await (await played.send(b"", "GET", "/v1/models?x=1")).answer()
            model = models["data"][0]
            self.assertEqual((model["id"], model["max_model_len"], model["weights"]), ("tiny", 64, "random"))
            _, version = await (await played.send(b"", "GET", "/version")).answer()
            self.assertEqual(version, {"version": "0", "device": "cpu", "weights": "random"})
            self.assertEqual(await (await played.send(b"", "GET", "/health")).answer(), (200, ""))
            for method, path, expect in (
                ("GET", "/nothing", 404),
                ("GET", "/v1/completions", 405),
                ("POST", "/health", 405),
            ):
                status, body = await (await played.send(b"", method, path)).answer()
                self.assertEqual((status, body["error"]["code"]), (expect, expect), path)
            status, body = await (await played.send({"prompt": "a"}, path="/tokenize")).answer()
            self.assertEqual(status, 400)
            self.assertIn("This server has no tokenizer (a test has none)", body["error"]["message"])

    async def test_what_is_no_request_is_refused_and_the_connection_closed(self) -> None:
        async with front() as played:
            for raw, expect in (
                (b"hello\r\n\r\n", 400),
                (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
                (b"GET / HTTP/1.1\r\nx: " + b"y" * 100_000 + b"\r\n\r\n", 400),
                (b"POST /tokenize HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400),
                (b"POST /tokenize HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", 411),
                (b"POST /tokenize HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1), 413),
            ):
                client = await played.send(b"", "GET", "/health")
                await client.answer()
                client.raw(raw)
                status, body = await client.answer()
                self.assertEqual((status, body["error"]["code"]), (expect, expect), raw[:40])


if __name__ == "__main__":
    unittest.main()
