"""The engine's numbers, in one value. `settings.py` fills it from the environment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    slots: int = 1000
    """Runs that one worker executes at once."""
    lease_ttl_seconds: float = 3.0
    poll_seconds: float = 0.5
    """How often a worker looks for due runs when no bell rings."""
    claim_overdue_seconds: float | None = 0.0
    """A worker takes what has been due for this long by itself: at once where it finds its work by
    looking, later where a queue delivers it, never (None) where only the queue may start it."""
    dead_man_bell: bool = False
    """Each claim leaves a delayed ring behind, for a worker that dies where nobody else looks."""
    queue_delivers: bool = False
    """A queue carries the rings: the sweeper rings again for what it did not deliver."""
    max_deliveries: int = 20
    """Deliveries of a message about a run that there is not, after which it is let go."""
    sweep_seconds: float = 0.5
    slice_seconds: float | None = None
    """A run is handed over at the first step boundary after this long; None for no bound."""
    max_attempts_without_progress: int = 4
    stuck_loop_seconds: float = 60.0
    """An event loop that has not turned for this long loses its lease."""
    step_timeout_seconds: float = 600.0
    drain_seconds: float = 4.0
    model_tries: int = 4
    max_tool_output: int = 100_000
    """Characters of a tool's answer that the model is shown."""
    heartbeat_seconds: float = 15.0
    max_connection_seconds: float = 600.0
    """A viewer of the event stream is asked to come back after this long."""
    tail_poll_seconds: float = 0.1
    viewer_buffer_events: int = 256
