"""From a request's bytes to a payload, or to the problem that says what is wrong with them.

A body is bounded in size; one that does not arrive is ended by `server/timeouts.py`. What is not JSON is
`malformed` (400); what is JSON but does not fit the type is `invalid` (422) and says where. NUL is refused
in every text: PostgreSQL stores none, and one would fail the whole batch that it came with.
"""

from __future__ import annotations

import re
from typing import Any, Generic, TypeVar

import msgspec
from aiohttp import web
from multidict import istr

from server.problems import FieldError, Problem, invalid

T = TypeVar("T")
CONTENT_TYPE = istr("Content-Type")
_NUL_ESCAPED = b"\\u0000"
_WHERE = re.compile(r"^(.*?)(?: - at `(?:key in )?\$(.*?)`)?$", re.DOTALL)
_FIELD = re.compile(r"^Object (?:contains unknown|missing required) field `(.*)`$", re.DOTALL)


class Payload(Generic[T]):
    """A body of one type."""

    def __init__(self, kind: type[T]) -> None:
        self.kind = kind
        self._decoder = msgspec.json.Decoder(kind)

    def parse(self, request: web.BaseRequest, body: bytes) -> T:
        """The typed value of a JSON body."""
        if request.headers.get(CONTENT_TYPE) != "application/json":
            _check_content_type(request)
        try:
            value = self._decoder.decode(body)
        except msgspec.ValidationError as error:
            _check_is_json(body)
            raise field_problem(str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Problem("malformed", f"The body is not JSON: {error}.") from None
        except RecursionError:
            raise Problem("malformed", "The body is nested too deeply.") from None
        if _NUL_ESCAPED in body:
            _refuse_nul(msgspec.to_builtins(value), "")
        return value


async def read_body(request: web.BaseRequest, body_max_bytes: int) -> bytes:
    """The whole body. Mostly it arrived with the headers, and nothing has to be waited for."""
    stream = request.content
    try:
        body = stream.read_nowait() if stream.is_eof() else await _collect(request, body_max_bytes)
    except (web.RequestPayloadError, ConnectionError) as error:
        raise Problem("malformed", f"The body cannot be read: {error}.", closes=True) from None
    if len(body) > body_max_bytes:
        raise _too_large(body_max_bytes)
    return body


async def _collect(request: web.BaseRequest, body_max_bytes: int) -> bytes:
    if (request.content_length or 0) > body_max_bytes:
        raise _too_large(body_max_bytes)
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = bytearray()
    while chunk := await request.content.readany():
        body += chunk
        if len(body) > body_max_bytes:
            raise _too_large(body_max_bytes)
    return bytes(body)


def _too_large(body_max_bytes: int) -> Problem:
    return Problem("too_large", f"The body may have {body_max_bytes} bytes.", closes=True)


def _check_content_type(request: web.BaseRequest) -> None:
    charset = (request.charset or "utf-8").lower()
    if request.content_type != "application/json" or charset not in ("utf-8", "utf8"):
        raise Problem("malformed", "The content type must be application/json, in UTF-8.")


def _check_is_json(body: bytes) -> None:
    """A wrong field may be found before the end of what is not JSON at all; the latter is said first."""
    try:
        msgspec.json.decode(body)
    except msgspec.ValidationError:
        return  # JSON with a number too large for any of us
    except RecursionError:
        raise Problem("malformed", "The body is nested too deeply.") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise Problem("malformed", f"The body is not JSON: {error}.") from None


def field_problem(text: str) -> Problem:
    """msgspec's message, which ends in "- at `$.lines[0].quantity`", as a path and a message."""
    found = _WHERE.match(text)
    message, path = (found[1], found[2] or "") if found else (text, "")
    named = _FIELD.match(message)
    if named:
        path = f"{path}.{named[1]}"
    path = path.removeprefix(".")
    return Problem("invalid", "The request is not valid.", errors=[FieldError(path, f"{message}.")])


def _refuse_nul(value: Any, path: str) -> None:
    if isinstance(value, str) and "\0" in value:
        raise invalid(path, "NUL is not allowed in text.")
    if isinstance(value, dict):
        for name, inner in value.items():
            _refuse_nul(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            _refuse_nul(inner, f"{path}[{position}]")
