"""Named points at which a test kills the process, to prove that nothing is lost there.

`HELIUM_FAILPOINT=model.mid_stream` ends the process with SIGKILL at that point; `…:3` at the third
passage. `HELIUM_FAILPOINT_ONCE=<file>` makes it happen once over all processes that share the file:
the first one creates it. Without the variable a point costs one comparison.
"""

import os
import signal

_armed, _, _nth = os.environ.get("HELIUM_FAILPOINT", "").partition(":")
_remaining = int(_nth or 1)

FAILPOINTS = (
    "claim.before_commit",
    "claim.after_commit",
    "model.before_call",
    "model.mid_stream",
    "model.after_call",
    "intent.before_commit",
    "intent.after_commit",
    "effect.after",
    "step.before_commit",
    "step.after_commit",
    "park.before_commit",
    "park.after_commit",
    "cancel.before_commit",
    "cancel.after_commit",
    "finish.before_commit",
    "finish.after_commit",
    "bell.before_ack",
    "bell.after_ack",
)


def failpoint(name: str) -> None:
    """Die here if this point is armed."""
    if _armed and name == _armed:
        _pass()


def _pass() -> None:
    global _remaining
    _remaining -= 1
    if _remaining == 0 and _first_of_all():
        os.kill(os.getpid(), signal.SIGKILL)


def _first_of_all() -> bool:
    path = os.environ.get("HELIUM_FAILPOINT_ONCE")
    if not path:
        return True
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True
