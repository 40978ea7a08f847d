"""When a probe's answer counts as right."""

import json
from typing import Any

import pytest

from chaos.http1 import Answer
from chaos.probes import OK, REFUSED, Kind, Known, ask_for, mix, retry_pause, verdict

KNOWN = Known("run_1", "1 2 3", 2)
TEXT = {"type": "message", "content": [{"type": "text", "text": "1 2 3"}]}
RUN = {"id": "run_1", "status": "completed", "output": [TEXT]}
REPLAY = b"retry: 9\n\nid: 1\nevent: run.queued\ndata: {}\n\nid: 2\nevent: run.completed\ndata: {}\n\n"


def answer(body: Any, status: int = 200, **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("run", answer(RUN)),
        ("threads", answer({"data": [{"id": "thr_1"}]})),
        ("start", answer({"id": "run_2"}, 202)),
        ("replay", answer(REPLAY)),
    ],
)
def test_the_right_answer_is_right(kind: Kind, given: Answer) -> None:
    assert verdict(kind, KNOWN, given) == OK


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("run", answer({**RUN, "id": "run_9"})),
        ("run", answer({**RUN, "output": []})),
        ("run", answer(b"<html>")),
        ("threads", answer({"data": []})),
        ("start", answer({}, 202)),
        ("replay", answer(REPLAY.replace(b"id: 2", b"id: 3"))),
        ("replay", answer(REPLAY.replace(b"run.completed", b"run.started"))),
    ],
)
def test_a_wrong_content_with_a_good_status_is_wrong(kind: Kind, given: Answer) -> None:
    assert verdict(kind, KNOWN, given) == "wrong content"


@pytest.mark.parametrize("status", [429, 503])
def test_a_refusal_counts_apart_only_if_it_says_when_to_come_back(status: int) -> None:
    assert verdict("run", KNOWN, answer({}, status, retry_after="1")) == REFUSED
    assert verdict("run", KNOWN, answer({}, status)) == f"status {status}"


def test_a_stream_that_says_farewell_is_refused_not_wrong() -> None:
    farewell = b"retry: 100\n\nretry: 900\nevent: reconnect\ndata: {}\n\n"

    assert verdict("replay", KNOWN, answer(farewell)) == REFUSED


def test_a_start_carries_its_idempotency_key() -> None:
    assert ask_for("start", KNOWN, "key").headers == {"idempotency-key": "key"}


def test_a_retry_waits_as_long_as_it_was_told_within_reason() -> None:
    assert retry_pause(answer({}, 503, retry_after="1")) == 1.0
    assert retry_pause(answer({}, 503, retry_after="900")) == 5.0
    assert retry_pause(answer({}, 503, retry_after="tomorrow")) == 0.2
    assert retry_pause(None) == 0.2


def test_a_mix_has_its_counts_and_no_blocks() -> None:
    kinds = mix("run=4,start=2,replay=2")

    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"run": 4, "start": 2, "replay": 2}
    assert kinds[:4].count("start") == 1
