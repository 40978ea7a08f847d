"""The client's parser: whatever the pieces that the network makes of an answer."""

import msgspec
import pytest

from bench.levels import expected_text
from bench.wire import MARKERS, Answer, Dialect, fault, read_chat, read_responses, request_bytes, unframed

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def framed(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def chat(*tokens: str) -> list[bytes]:
    events = [b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n']
    events += [b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % token.encode() for token in tokens]
    return [*events, b'data: {"choices":[],"usage":{}}\n\n', b"data: [DONE]\n\n"]


def responses(*deltas: str, end: str = "response.completed") -> list[bytes]:
    events = [{"type": "response.created", "delta": ""}]
    events += [{"type": "response.output_text.delta", "delta": delta} for delta in deltas]
    events += [{"type": "response.function_call_arguments.delta", "delta": "{}"}, {"type": end}]
    return [b"event: x\ndata: " + msgspec.json.encode(event) + b"\n\n" for event in events]


def fed(data: bytes, size: int, dialect: Dialect = "chat") -> Answer:
    answer = Answer(MARKERS[dialect])
    for start in range(0, len(data), size):
        answer.feed(data[start : start + size])
    return answer


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 100_000])
def test_an_answer_is_read_from_pieces_of_any_size(size: int) -> None:
    answer = fed(HEAD + framed(*chat("t0 ", "t1 ")), size)

    assert (answer.status, answer.head_seen, answer.token_seen, answer.complete) == (200, True, True, True)
    assert answer.body == b"".join(chat("t0 ", "t1 "))
    assert fault(answer, "chat", "t0 t1 ") is None


def test_the_first_token_is_seen_when_it_comes_and_not_before() -> None:
    first, token, *_ = chat("t0 ")
    answer = Answer(MARKERS["chat"])

    answer.feed(HEAD + framed(first)[:-5])
    seen_before = answer.token_seen
    answer.feed(framed(token)[:-5])

    assert (seen_before, answer.token_seen, answer.complete) == (False, True, False)


def test_an_error_with_a_length_is_complete_and_is_a_fault() -> None:
    body = b'{"code":"busy"}'
    answer = fed(b"HTTP/1.1 503 Busy\r\nContent-Length: 15\r\n\r\n" + body, 5)

    assert answer.complete
    assert fault(answer, "responses", "t0 ") == 'HTTP 503: {"code":"busy"}'


def test_a_responses_stream_is_its_text_deltas_and_its_last_event() -> None:
    told = read_responses(b"".join(responses("t0 t1 ", "t2 ")))

    assert (told.text, told.end, told.events) == (expected_text(3), "response.completed", 5)


def test_a_chat_stream_is_its_contents_and_its_mark_of_the_end() -> None:
    told = read_chat(b"".join(chat("t0 ", "t1 ")))

    assert (told.text, told.end, told.events) == ("t0 t1 ", "[DONE]", 5)


@pytest.mark.parametrize(
    ("chunks", "wanted"),
    [
        (responses("t0 ", "t1 "), None),
        (responses("t0 "), "wrong text: 3 characters instead of 6"),
        (responses("t0 ", "t0 "), "wrong text: 6 characters instead of 6"),
        (responses("t0 ", "t1 ", end="response.failed"), "ended with response.failed"),
        ([], "ended with nothing"),
    ],
)
def test_a_lost_or_doubled_token_is_a_fault(chunks: list[bytes], wanted: str | None) -> None:
    answer = fed(HEAD + framed(*chunks), 100, "responses")

    assert fault(answer, "responses", "t0 t1 ") == wanted


def test_broken_json_is_a_fault() -> None:
    answer = fed(HEAD + framed(b"data: {\n\n"), 100)

    assert (fault(answer, "chat", "") or "").startswith("unreadable: ")


@pytest.mark.parametrize("data", [b"5\r\nabc\r\n0\r\n\r\n", b"3\r\nabc\r\n"])
def test_a_chunk_of_another_length_than_it_says_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"chunk|subsection"):
        list(unframed(data))


def test_a_request_carries_the_model_and_the_token() -> None:
    request = request_bytes("responses", 8000, "openai-chat:fake-1-0-0", "secret")
    head, _, body = request.partition(b"\r\n\r\n")

    assert head.startswith(b"POST /v1/responses HTTP/1.1\r\n")
    assert b"authorization: Bearer secret" in head
    assert b"content-length: %d" % len(body) in head
    assert msgspec.json.decode(body) == {
        "model": "openai-chat:fake-1-0-0",
        "input": "hello",
        "stream": True,
    }
