"""Helium that nobody observes: no metric is counted, no request is timed or logged, no line of a run is
written. `python -m bench.dark up …` starts it as `python -m helium up …` does; what observation costs is
the difference between the two."""

from typing import Any

import helium.api.app
from helium.cli.app import main
from helium.kit.metrics.registry import Child, HistogramChild


def nothing(*_: object) -> None:
    pass


def within(app: Any, *_: object) -> Any:
    """In place of a middleware: what is within it."""
    return app


def darken() -> None:
    """Take observation out of this process."""
    Child.add = Child.set = HistogramChild.observe = nothing
    setattr(helium.api.app, "Observed", within)  # noqa: B010 - it is a class there


if __name__ == "__main__":
    darken()
    main()
