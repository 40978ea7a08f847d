"""Brings a new image to production, gradually, and back by itself (decision 23)."""

from helium.release.conduct import Conductor, Looks
from helium.release.opening import Opened, open_release
from helium.release.options import ReleaseOptions
from helium.release.ports import (
    BurnSource,
    Candidate,
    CloudAway,
    Locked,
    NotReleasable,
    ReleaseError,
    ReleaseTarget,
    Seen,
    StepFailed,
    Superseded,
    Unanswered,
)
from helium.release.record import Plan, Release

__all__ = [
    "BurnSource",
    "Candidate",
    "CloudAway",
    "Conductor",
    "Locked",
    "Looks",
    "NotReleasable",
    "Opened",
    "Plan",
    "Release",
    "ReleaseError",
    "ReleaseOptions",
    "ReleaseTarget",
    "Seen",
    "StepFailed",
    "Superseded",
    "Unanswered",
    "open_release",
]
