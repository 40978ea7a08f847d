"""The parser of server-sent events."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helium.adapters.providers.sse import MAX_EVENT, ServerEvent, SseParser
from helium.core.errors import Retryable


def parse(*pieces: bytes) -> list[ServerEvent]:
    parser = SseParser()
    return [event for piece in pieces for event in parser.feed(piece)] + parser.close()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_ending_of_the_standard_ends_a_line(end: bytes) -> None:
    text = end.join([b"event: a", b"data: 1", b"", b"data: 2", b"data:3", b"", b""])
    assert parse(text) == [(b"a", b"1"), (b"", b"2\n3")]


def test_comments_ids_retries_and_events_without_data_are_dropped() -> None:
    text = b": hello\n\nid: 1\nretry: 5\ndata: x\n\nevent: only\n\n"
    assert parse(text) == [(b"", b"x")]


def test_a_byte_order_mark_is_no_part_of_the_first_field() -> None:
    assert parse(b"\xef", b"\xbb\xbfdata: x\n\n") == [(b"", b"x")]


def test_only_one_space_is_taken_from_the_value() -> None:
    assert parse(b"data:  x\n\ndata\n\n") == [(b"", b" x"), (b"", b"")]


def test_the_last_event_counts_without_its_blank_line() -> None:
    assert parse(b"data: a\n\ndata: [DONE]\n") == [(b"", b"a"), (b"", b"[DONE]")]


def test_an_event_comes_out_with_the_byte_that_completes_it() -> None:
    parser = SseParser()
    assert parser.feed(b"data: a\n") == []
    assert parser.feed(b"\nda") == [(b"", b"a")]


def test_an_event_without_an_end_does_not_fill_the_memory() -> None:
    parser = SseParser()
    parser.feed(b"data: " + b"x" * (MAX_EVENT - 6))
    with pytest.raises(Retryable, match="without an end"):
        parser.feed(b"x")


LINES = st.sampled_from(
    [b"data: x", b"data: {}", b"event: y", b": c", b"", b"", b"\xef\xbb\xbfdata: z", b"id"]
)


@given(st.lists(LINES), st.sampled_from([b"\n", b"\r\n", b"\r"]), st.lists(st.integers(0, 200)))
def test_where_the_bytes_are_split_makes_no_difference(
    lines: list[bytes], end: bytes, places: list[int]
) -> None:
    text = end.join(lines)
    cuts = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    pieces = [text[a:b] for a, b in pairwise(cuts)]
    assert parse(*pieces) == parse(text)
