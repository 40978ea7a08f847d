"""Every error that Helium raises on purpose.

    HeliumError                 a fact with a stable code, a status and one sentence
    ├─ InvalidRequest           422  the payload is wrong; `param` names the field
    ├─ Unauthenticated          401
    ├─ Forbidden                403
    ├─ NotFound                 404  also for rows of other workspaces
    ├─ MethodNotAllowed         405
    ├─ Conflict                 409
    │  ├─ ThreadBusy                 another run of the thread is active
    │  ├─ ThreadMoved                the thread went on since the run to be continued
    │  ├─ RunAlreadyFinished
    │  ├─ ActionAlreadyDecided
    │  └─ IdempotencyMismatch        the key was used for another request
    │  BlobNotFound is a NotFound: there are no bytes under this key
    ├─ TooManyRequests          429  more than this key's rate; `retry_after_seconds` says when again
    │  └─ TooManyRuns                the workspace or the whole installation has its fill of runs
    └─ Unavailable              503  the database is away or the process drains
       ├─ BlobsUnavailable           the object store does not answer
       └─ SecretsUnavailable         a secret's place does not answer, and no good value is known
    ToolError                   the model reads it and adapts
    Retryable                   the engine waits and tries the step again
    ModelFailed                 a provider refused for good
    LeaseLost                   another worker has the run; write nothing more
    StepMismatch                the recorded steps are not those of this code

Each code of a `HeliumError` has a page in `docs/reference/errors/`.
"""

from typing import ClassVar


class HeliumError(Exception):
    """A fact that a caller can act on."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, param: str | None = None, **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.facts = facts


class InvalidRequest(HeliumError):
    code = "invalid_request"
    status = 422


class Unauthenticated(HeliumError):
    code = "unauthenticated"
    status = 401


class Forbidden(HeliumError):
    code = "forbidden"
    status = 403


class NotFound(HeliumError):
    code = "not_found"
    status = 404


class MethodNotAllowed(HeliumError):
    code = "method_not_allowed"
    status = 405


class Conflict(HeliumError):
    code = "conflict"
    status = 409


class ThreadBusy(Conflict):
    code = "thread_busy"


class ThreadMoved(Conflict):
    code = "thread_moved"


class RunAlreadyFinished(Conflict):
    code = "run_already_finished"


class ActionAlreadyDecided(Conflict):
    code = "action_already_decided"


class IdempotencyMismatch(Conflict):
    code = "idempotency_mismatch"


class BlobNotFound(NotFound):
    """There are no bytes under this key."""


class TooManyRequests(HeliumError):
    """Enough for now: again after `retry_after_seconds`."""

    code = "too_many_requests"
    status = 429

    def __init__(self, message: str, *, retry_after_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class TooManyRuns(TooManyRequests):
    code = "too_many_runs"


class Unavailable(HeliumError):
    code = "unavailable"
    status = 503


class BlobsUnavailable(Unavailable):
    """The object store does not answer."""


class SecretsUnavailable(Unavailable):
    """The place that keeps a secret does not answer, and no good value of it is known."""


class ToolError(Exception):
    """A tool could not do what was asked; the model reads the sentence and adapts."""


class Retryable(Exception):
    """A passing failure. `after_seconds` is the provider's own wish, if it gave one."""

    def __init__(self, reason: str, *, after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after_seconds = after_seconds


class ModelFailed(Exception):
    """A provider refused in a way that no retry mends; `public` is safe to show."""

    def __init__(self, code: str, public: str) -> None:
        super().__init__(public)
        self.code = code
        self.public = public


class LeaseLost(Exception):
    """The run's token is no longer ours: stop, and write nothing more."""


class StepMismatch(Exception):
    """A recorded step has another name than the one the loop wants at its position."""
