"""What a viewer saw, beside the log."""

import random

import pytest

from chaos.watch import Watcher, difference

LOG = [(1, b"a"), (2, b"b"), (3, b"c")]


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        ([(1, b"a"), (2, b"b"), (2, b"b"), (3, b"c")], "twice"),
        ([(1, b"a"), (3, b"c")], "gap"),
        ([(2, b"b"), (1, b"a"), (3, b"c")], "order"),
        ([(1, b"a"), (2, b"b")], "2 events, the log has 3"),
        ([(1, b"a"), (2, b"x"), (3, b"c")], "event 2"),
        ([*LOG, (4, b"d")], "the log has 3"),
    ],
)
def test_whatever_is_not_the_log_is_found(shown: list[tuple[int, bytes]], words: str) -> None:
    found = difference(shown, LOG, whole=True)

    assert found is not None
    assert words in found


def test_the_log_is_the_log_and_a_prefix_is_enough_for_a_run_without_an_end() -> None:
    assert difference(LOG, LOG, whole=True) is None
    assert difference(LOG[:2], LOG, whole=False) is None
    assert difference([*LOG, (4, b"d")], LOG, whole=False) is not None


def watcher() -> Watcher:
    return Watcher("run_1", lambda: 0, "token", random.Random(1))


def sse(seq: int, kind: str) -> bytes:
    data = f'{{"seq":{seq},"at":"2026-01-01T00:00:00Z","type":"{kind}"}}'
    return f"id: {seq}\nevent: {kind}\ndata: {data}\n\n".encode()


def test_a_viewer_remembers_events_as_the_log_has_them_and_ends_with_the_run() -> None:
    viewer = watcher()

    viewer._take(b"retry: 1500\n\n")  # pyright: ignore[reportPrivateUsage]
    viewer._take(sse(1, "run.queued") + sse(2, "run.started"))  # pyright: ignore[reportPrivateUsage]
    viewer._take(sse(3, "run.completed"))  # pyright: ignore[reportPrivateUsage]

    assert (viewer.last, viewer.over, viewer.retry) == (3, True, 1.5)
    assert viewer.shown[0] == (1, b'{"type":"run.queued"}')


def test_a_farewell_is_counted_and_its_pause_is_kept_apart_from_the_resume() -> None:
    viewer = watcher()
    viewer._take(sse(1, "run.queued"))  # pyright: ignore[reportPrivateUsage]

    viewer._take(b"retry: 400\nevent: reconnect\ndata: {}\n\n")  # pyright: ignore[reportPrivateUsage]
    viewer._take(sse(2, "run.started"))  # pyright: ignore[reportPrivateUsage]

    (one,) = viewer.resumed
    assert (viewer.farewells, one.farewell, one.asked_seconds) == (1, True, 0.4)
