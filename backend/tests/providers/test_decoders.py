"""The three decoders, over transcripts in the providers' documented forms."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helium.adapters.providers.anthropic_messages import MessagesDecoder
from helium.adapters.providers.opaque import Proof, seal
from helium.adapters.providers.openai_chat import ChatDecoder
from helium.adapters.providers.openai_responses import ResponsesDecoder
from helium.adapters.providers.wire import CUT_OFF, UNREADABLE
from helium.core.budget import Usage
from helium.core.errors import ModelFailed, Retryable
from helium.ports import (
    ArgumentsDelta,
    ModelEvent,
    ModelFinished,
    ReasoningDelta,
    ReasoningDone,
    RefusalDelta,
    TextDelta,
    ToolCallStarted,
)

from .transcripts import MakeDecoder, decode, joined, transcript

CHAT: MakeDecoder = lambda: ChatDecoder("m", make_id=lambda: "call_made")  # noqa: E731
RESPONSES: MakeDecoder = lambda: ResponsesDecoder("m")  # noqa: E731
MESSAGES: MakeDecoder = lambda: MessagesDecoder("m")  # noqa: E731

WEATHER = ArgumentsDelta(0, '{"city":"Bonn"}')

EXPECTED: dict[str, tuple[MakeDecoder, list[ModelEvent]]] = {
    "chat_text": (
        CHAT,
        [
            TextDelta("Hello, wörld 😀"),
            ModelFinished("stop", Usage(input_tokens=19, cached_tokens=8, output_tokens=4)),
        ],
    ),
    "chat_parallel_tools": (
        CHAT,
        [
            ToolCallStarted(0, "call_a", "weather"),
            WEATHER,
            ToolCallStarted(1, "call_b", "clock"),
            ArgumentsDelta(1, "{}"),
            ModelFinished("tool_calls", Usage(input_tokens=50, output_tokens=20)),
        ],
    ),
    "chat_reasoning": (
        CHAT,
        [
            ReasoningDelta("Two and two."),
            ReasoningDone(),
            TextDelta("Four"),
            ModelFinished(
                "stop", Usage(input_tokens=10, cached_tokens=3, output_tokens=9, reasoning_tokens=6)
            ),
        ],
    ),
    "chat_refusal": (
        CHAT,
        [RefusalDelta("I cannot help with that."), ModelFinished("stop", Usage())],
    ),
    "chat_gemini_tools": (
        CHAT,
        [
            ReasoningDone(
                seal(Proof(format="chat", model="m", call_signatures={"function-call-1": "c2ln"}))
            ),
            ToolCallStarted(0, "function-call-1", "weather"),
            WEATHER,
            ToolCallStarted(1, "function-call-2", "clock"),
            ArgumentsDelta(1, '{"zone":"CET"}'),
            ModelFinished("tool_calls", Usage(input_tokens=30, output_tokens=45)),
        ],
    ),
    "chat_mistral_thinking": (
        CHAT,
        [
            ReasoningDelta("Hmm."),
            ReasoningDone(),
            TextDelta("Yes"),
            ModelFinished("length", Usage(input_tokens=5, output_tokens=4)),
        ],
    ),
    "responses_text": (
        RESPONSES,
        [
            TextDelta("Hello"),
            ModelFinished("stop", Usage(input_tokens=36, cached_tokens=12, output_tokens=87)),
        ],
    ),
    "responses_reasoning_tools": (
        RESPONSES,
        [
            ReasoningDelta("First.\n\nSecond."),
            ReasoningDone(seal(Proof(format="responses", model="m", id="rs_1", signature="gAAA"))),
            ToolCallStarted(0, "call_a", "weather"),
            WEATHER,
            ToolCallStarted(1, "call_b", "clock"),
            ArgumentsDelta(1, '{"zone":"CET"}'),
            ModelFinished("tool_calls", Usage(input_tokens=70, output_tokens=40, reasoning_tokens=30)),
        ],
    ),
    "responses_refusal": (
        RESPONSES,
        [
            RefusalDelta("I will not."),
            ModelFinished("stop", Usage(input_tokens=3, output_tokens=4)),
        ],
    ),
    "responses_incomplete": (
        RESPONSES,
        [TextDelta("A long"), ModelFinished("length", Usage(input_tokens=3, output_tokens=16))],
    ),
    "anthropic_text": (
        MESSAGES,
        [
            TextDelta("Hello!"),
            ModelFinished("stop", Usage(input_tokens=165, cached_tokens=40, output_tokens=15)),
        ],
    ),
    "anthropic_thinking_tools": (
        MESSAGES,
        [
            ReasoningDelta("I need two tools."),
            ReasoningDone(seal(Proof(format="anthropic", model="m", signature="EqQB"))),
            ReasoningDone(seal(Proof(format="anthropic", model="m", redacted="ZW5j"))),
            TextDelta("Let me look."),
            ToolCallStarted(0, "toolu_1", "weather"),
            ArgumentsDelta(0, '{"city": "Bonn"}'),
            ToolCallStarted(1, "toolu_2", "clock"),
            ArgumentsDelta(1, "{}"),
            ModelFinished("tool_calls", Usage(input_tokens=300, output_tokens=89, reasoning_tokens=33)),
        ],
    ),
    "anthropic_refusal": (
        MESSAGES,
        [
            RefusalDelta("This could cause harm."),
            ModelFinished("content_filter", Usage(input_tokens=5, output_tokens=2)),
        ],
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_one_feed_gives_each_part_of_the_answer_as_one_event(name: str) -> None:
    make, expected = EXPECTED[name]
    assert decode(make(), [transcript(name)]) == expected


@given(st.sampled_from(sorted(EXPECTED)), st.lists(st.integers(0, 10_000), max_size=30))
def test_where_the_bytes_are_split_makes_no_difference(name: str, places: list[int]) -> None:
    make, expected = EXPECTED[name]
    text = transcript(name)
    cuts = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    pieces = [text[a:b] for a, b in pairwise(cuts)]
    assert joined(decode(make(), pieces)) == expected


@pytest.mark.parametrize("name", EXPECTED)
def test_an_answer_that_stops_anywhere_before_its_end_is_cut_off(name: str) -> None:
    make, expected = EXPECTED[name]
    blocks = transcript(name).split(b"\n\n")
    for length in range(len(blocks)):
        decoder = make()
        try:
            events = decode(decoder, [b"\n\n".join(blocks[:length])])
        except Retryable as error:
            assert error.reason == CUT_OFF  # noqa: PT017 - some prefixes are whole, as the next line says
        else:
            assert events[:-1] == expected[:-1]


@pytest.mark.parametrize(
    ("make", "name"),
    [(CHAT, "chat_cut_off"), (RESPONSES, "responses_cut_off"), (MESSAGES, "anthropic_cut_off")],
)
def test_a_cut_answer_is_retryable_and_keeps_what_was_said(make: MakeDecoder, name: str) -> None:
    decoder = make()
    assert decoder.feed(transcript(name)) in ([TextDelta("Once upon")], [TextDelta("Once")])
    with pytest.raises(Retryable, match="cut off"):
        decoder.close()


@pytest.mark.parametrize(
    ("make", "name", "words"),
    [
        (CHAT, "chat_error", "Provider disconnected"),
        (RESPONSES, "responses_failed", "The model had trouble"),
        (MESSAGES, "anthropic_error", "Overloaded"),
    ],
)
def test_a_passing_error_inside_the_stream_is_retryable(make: MakeDecoder, name: str, words: str) -> None:
    with pytest.raises(Retryable, match=words):
        decode(make(), [transcript(name)])


def test_a_final_error_inside_the_stream_is_a_failure() -> None:
    with pytest.raises(ModelFailed, match=r"The prompt was blocked\.") as caught:
        decode(RESPONSES(), [transcript("responses_error")])
    assert caught.value.code == "model_refused_request"


def chat(*deltas: str, finish: str = "stop") -> bytes:
    chunks = [f'{{"choices":[{{"index":0,"delta":{delta}}}]}}' for delta in deltas]
    chunks.append(f'{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"{finish}"}}]}}')
    return "".join(f"data: {chunk}\n\n" for chunk in [*chunks, "[DONE]"]).encode()


def anthropic(text: str) -> bytes:
    delta = f'{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{text}"}}}}'
    stop = '{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}'
    return f'data: {delta}\n\ndata: {stop}\n\ndata: {{"type":"message_stop"}}\n\n'.encode()


def responses(text: str) -> bytes:
    delta = f'{{"type":"response.output_text.delta","output_index":0,"delta":"{text}"}}'
    end = '{"type":"response.completed","response":{"usage":{"output_tokens":1}}}'
    return f"data: {delta}\n\ndata: {end}\n\n".encode()


HOSTILE = [
    (r"a\u0000b", "a\ufffdb"),
    (r"a\ud83db", "a\ufffdb"),
    (r"a\ude00b", "a\ufffdb"),
    (r"\ud83d\ud83d\ude00", "\ufffd😀"),
    (r"\\ud83d", r"\ud83d"),
]


@pytest.mark.parametrize(("escaped", "text"), HOSTILE)
def test_text_that_postgres_cannot_store_is_replaced(escaped: str, text: str) -> None:
    assert decode(CHAT(), [chat(f'{{"content":"{escaped}"}}')])[0] == TextDelta(text)
    assert decode(RESPONSES(), [responses(escaped)])[0] == TextDelta(text)
    assert decode(MESSAGES(), [anthropic(escaped)])[0] == TextDelta(text)


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    hostile = chat('{"content":"aXb"}').replace(b"X", b"\xff")
    assert decode(CHAT(), [hostile])[0] == TextDelta("a\ufffdb")


@given(st.text(st.characters(codec=None, categories=None)))
def test_any_text_comes_through_storable(text: str) -> None:
    events = decode(CHAT(), [chat(json.dumps({"content": text}))])
    said = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert "\x00" not in said
    assert len(said.encode()) >= len(text.encode("utf-8", "ignore").replace(b"\x00", b""))


@pytest.mark.parametrize("make", [CHAT, RESPONSES, MESSAGES])
def test_what_is_no_json_is_retryable(make: MakeDecoder) -> None:
    with pytest.raises(Retryable, match=UNREADABLE):
        make().feed(b"data: <html>Bad gateway</html>\n\n")


def call(index: str, name: str | None, call_id: str | None, arguments: str) -> str:
    function: dict[str, str] = {"arguments": arguments} | ({"name": name} if name else {})
    fields = f'"function":{json.dumps(function)}' + (f',"id":"{call_id}"' if call_id is not None else "")
    return f'{{"tool_calls":[{{{index}{fields}}}]}}'


ACCENTS = {
    "all calls have index 0": [
        call('"index":0,', "a", "1", "{}"),
        call('"index":0,', "b", "2", "{}"),
    ],
    "calls have no index": [call("", "a", "1", "{}"), call("", "b", "2", "{}")],
    "the id is repeated in every chunk": [
        call('"index":0,', "a", "1", "{"),
        call('"index":0,', None, "1", "}"),
        call('"index":1,', "b", "2", "{}"),
    ],
    "name and id are repeated in every chunk": [
        call('"index":0,', "a", "1", "{"),
        call('"index":0,', "a", "1", "}"),
        call('"index":1,', "b", "2", "{}"),
    ],
}


@pytest.mark.parametrize("accent", ACCENTS)
def test_tool_calls_are_told_apart_in_every_accent(accent: str) -> None:
    assert decode(CHAT(), [chat(*ACCENTS[accent])]) == [
        ToolCallStarted(0, "1", "a"),
        ArgumentsDelta(0, "{}"),
        ToolCallStarted(1, "2", "b"),
        ArgumentsDelta(1, "{}"),
        ModelFinished("tool_calls", Usage()),
    ]


def test_a_call_without_an_id_gets_one() -> None:
    events = decode(CHAT(), [chat(call("", "a", "", "{}"), call("", "b", "", ""))])
    assert [e.call_id for e in events if isinstance(e, ToolCallStarted)] == ["call_made", "call_made"]


def test_a_stream_without_done_ends_with_its_finish_reason() -> None:
    text = chat('{"content":"hi"}').replace(b"data: [DONE]\n\n", b"")
    assert decode(CHAT(), [text]) == [TextDelta("hi"), ModelFinished("stop", Usage())]


def test_an_answer_that_the_provider_broke_off_is_retryable() -> None:
    with pytest.raises(Retryable, match="insufficient_system_resource"):
        decode(CHAT(), [chat('{"content":"hi"}', finish="insufficient_system_resource")])


def test_a_decoder_says_when_the_model_may_be_silent() -> None:
    decoder = MESSAGES()
    blocks = transcript("anthropic_thinking_tools").split(b"\n\n")
    states: list[bool] = []
    for block in blocks[:7]:
        decoder.feed(block + b"\n\n")
        states.append(decoder.thinking)
    assert states == [False, True, False, False, False, False, False]
