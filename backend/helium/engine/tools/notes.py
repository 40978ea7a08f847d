"""Notes of a thread: small texts in files of their own."""

import hashlib
import re
import unicodedata
from typing import Annotated

from msgspec import Meta

from helium.core.errors import ToolError
from helium.engine.tools.definition import Arguments, tool
from helium.engine.tools.texts import decode, encode
from helium.ports import StoredFile, ToolContext

FOLDER = "notes/"
_MAX_CHARACTERS = 20_000
_SHOWN_NOTES = 50
_SHOWN_CHARACTERS = 200


class Note(Arguments, frozen=True, kw_only=True):
    text: Annotated[str, Meta(description="The whole note.")]


class Nothing(Arguments, frozen=True, kw_only=True):
    """No arguments."""


async def _save(arguments: Note, context: ToolContext) -> str:
    text = arguments.text.strip()
    if not text:
        raise ToolError("The note is empty. Give its text.")
    if len(text) > _MAX_CHARACTERS:
        raise ToolError(f"A note has at most {_MAX_CHARACTERS} characters. Write a file instead.")
    path = note_path(text, context.idempotency_key)
    await context.files.put(context.workspace_id, context.thread_id, path, encode(f"{text}\n"))
    return f"Saved the note as {path}."


def note_path(text: str, idempotency_key: str) -> str:
    """Where a note is kept: its first words to be readable, the key so that a repetition hits it again."""
    plain = unicodedata.normalize("NFKD", text[:200]).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-")
    return f"{FOLDER}{slug or 'note'}-{hashlib.sha256(idempotency_key.encode()).hexdigest()[:12]}.md"


async def _list(arguments: Nothing, context: ToolContext) -> str:
    files = await context.files.list(context.workspace_id, context.thread_id)
    notes = sorted((f for f in files if f.path.startswith(FOLDER)), key=lambda f: (f.modified_at, f.path))
    if not notes:
        return "There are no notes yet."
    lines = [await _line(note, context) for note in notes[-_SHOWN_NOTES:]]
    heading = "1 note:" if len(notes) == 1 else f"{len(notes)} notes:"
    if len(notes) > _SHOWN_NOTES:
        heading = f"{len(notes)} notes, the newest {_SHOWN_NOTES} of them:"
    return "\n".join((heading, *lines))


async def _line(note: StoredFile, context: ToolContext) -> str:
    text = decode(await context.files.get(context.workspace_id, context.thread_id, note.path), note.path)
    first = " ".join(text.split())
    short = first if len(first) <= _SHOWN_CHARACTERS else f"{first[:_SHOWN_CHARACTERS]}…"
    return f"- {short} ({note.path})"


save_note = tool(
    "save_note",
    "Keep a note for later in this conversation.",
    arguments=Note,
    run=_save,
    effect="idempotent",
)

list_notes = tool(
    "list_notes",
    "List the notes of this conversation, oldest first.",
    arguments=Nothing,
    run=_list,
    effect="read",
)
