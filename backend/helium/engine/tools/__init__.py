"""The tools that every Helium has. `docs/howto/add-a-tool.md` shows how to add one."""

from collections.abc import Mapping

from helium.engine.tools.ask_person import ask_person
from helium.engine.tools.calculator import calculator
from helium.engine.tools.clock import clock
from helium.engine.tools.files import append_file, list_files, read_file, write_file
from helium.engine.tools.notes import list_notes, save_note
from helium.ports import Tool

BUILT_IN: Mapping[str, Tool] = {
    tool.definition.name: tool
    for tool in (
        calculator,
        clock,
        save_note,
        list_notes,
        list_files,
        read_file,
        write_file,
        append_file,
        ask_person,
    )
}
"""By name."""
