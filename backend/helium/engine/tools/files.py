"""Files of a thread: list, read, write, append."""

from typing import Annotated

from msgspec import Meta

from helium.core.errors import ToolError
from helium.engine.tools.definition import Arguments, tool
from helium.engine.tools.notes import Nothing
from helium.engine.tools.texts import count_of, decode, encode
from helium.ports import ToolContext

_SHOWN_CHARACTERS = 20_000

Path = Annotated[str, Meta(description="A relative path, for example reports/july.md.")]


class Reading(Arguments, frozen=True, kw_only=True):
    path: Path
    start: Annotated[int, Meta(description="The character to start from; 0 is the first.")] = 0


class Writing(Arguments, frozen=True, kw_only=True):
    path: Path
    content: Annotated[str, Meta(description="The whole new content of the file.")]


class Appending(Arguments, frozen=True, kw_only=True):
    path: Path
    text: Annotated[str, Meta(description="What is added; it becomes a line of its own.")]


async def _list(arguments: Nothing, context: ToolContext) -> str:
    files = await context.files.list(context.workspace_id, context.thread_id)
    if not files:
        return "There are no files yet."
    lines = [f"- {file.path} ({count_of(file.size, 'byte')})" for file in files]
    return "\n".join((f"{count_of(len(files), 'file')}:", *lines))


async def _read(arguments: Reading, context: ToolContext) -> str:
    content = await context.files.get(context.workspace_id, context.thread_id, arguments.path)
    text = decode(content, arguments.path)
    start, end = arguments.start, arguments.start + _SHOWN_CHARACTERS
    if start < 0 or (start and start >= len(text)):
        raise ToolError(f"{arguments.path} has {len(text)} characters; start is outside of it.")
    if not text:
        return "(The file is empty.)"
    rest = f"\n[{len(text)} characters in all; go on with start = {end}]" if end < len(text) else ""
    return text[start:end] + rest


async def _write(arguments: Writing, context: ToolContext) -> str:
    content = encode(arguments.content)
    await context.files.put(context.workspace_id, context.thread_id, arguments.path, content)
    return f"Wrote {count_of(len(content), 'byte')} to {arguments.path}."


async def _append(arguments: Appending, context: ToolContext) -> str:
    text = arguments.text if arguments.text.endswith("\n") else f"{arguments.text}\n"
    content = encode(text)
    await context.files.append(context.workspace_id, context.thread_id, arguments.path, content)
    return f"Added {count_of(len(content), 'byte')} to {arguments.path}."


list_files = tool(
    "list_files",
    "List the files of this conversation with their sizes.",
    arguments=Nothing,
    run=_list,
    effect="read",
)

read_file = tool(
    "read_file",
    "Read a text file of this conversation.",
    arguments=Reading,
    run=_read,
    effect="read",
)

write_file = tool(
    "write_file",
    "Write a text file of this conversation; what it held before is replaced.",
    arguments=Writing,
    run=_write,
    effect="idempotent",
)

append_file = tool(
    "append_file",
    "Add a line to the end of a file of this conversation; the file is made if there is none.",
    arguments=Appending,
    run=_append,
    effect="once",
)
