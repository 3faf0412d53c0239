"""Owns the errors that clients see, in the shape of OpenAI's servers.
Must not know why they arise.
"""

import json
from typing import Any


class ApiError(Exception):
    """An error for one client: `{"error": {"message", "type", "param", "code"}}`, `code` being the HTTP status."""

    def __init__(self, code: int, kind: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.kind = kind
        self.message = message
        self.param = param

    def to_json(self) -> bytes:
        """The body, or one event's data."""
        error: dict[str, Any] = {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }
        return json.dumps({"error": error}, ensure_ascii=False).encode()


def bad_request(param: str | None, message: str) -> ApiError:
    """The request asks for something that cannot be."""
    return ApiError(400, "BadRequestError", message, param)


def malformed(message: str) -> ApiError:
    """The body, or the HTTP around it, is no request at all."""
    return ApiError(400, "Bad Request", message)


def too_large(limit_bytes: int) -> ApiError:
    """The body is over the bound."""
    return ApiError(413, "Request Entity Too Large", f"The request body is over {limit_bytes} bytes.")


def unknown_model(asked: str, served: str) -> ApiError:
    """Another model is asked for."""
    message = f"The model `{asked[:200]}` does not exist. Valid aliases: {served}."
    return ApiError(404, "NotFoundError", message, "model")


def no_route(path: str) -> ApiError:
    """Nothing is served there."""
    served = "/v1/completions, /v1/models, /tokenize, /health, /version and /metrics"
    return ApiError(404, "NotFoundError", f"There is no {path[:200]}; this server has {served}.")


def wrong_method(path: str, method: str) -> ApiError:
    """The route is asked in another way."""
    return ApiError(405, "Method Not Allowed", f"{path} takes {method} only.")


def busy() -> ApiError:
    """The queue is full."""
    message = "The server is currently busy and cannot accept new requests. Please try again later."
    return ApiError(503, "Service Unavailable", message)


def loading() -> ApiError:
    """The model is not there yet."""
    return ApiError(503, "Service Unavailable", "The model is loading; /health is 200 once it is ready.")


def stopping() -> ApiError:
    """The server is about to end."""
    return ApiError(503, "Service Unavailable", "The server is stopping and takes or finishes no more requests.")


def failed(message: str) -> ApiError:
    """The work itself failed."""
    return ApiError(500, "InternalServerError", message)
