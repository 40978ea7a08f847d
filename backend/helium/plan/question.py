"""From what was typed to a question; what cannot be planned is one sentence."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

from helium.plan.assumptions import Cloud, Environment, Provider, Workload
from helium.plan.autoscaler import SCALERS
from helium.plan.budget import MOST_USERS
from helium.plan.errors import PlanInvalid
from helium.plan.planning import Question
from helium.plan.profiles import PROFILES, Profile, from_csv


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """The options as they were typed."""

    users: int | None
    cloud: Cloud
    environment: Environment = "prod"
    provider: Provider = "supabase"
    runs_per_user: float = 20.0
    tokens: int = 1000
    input_tokens: int = 4000
    profile: str = "day"
    csv: Path | None = None
    cold_start_seconds: float | None = None
    scale_in_seconds: float | None = None
    sidecar: bool = False


def question_of(typed: Typed) -> Question:
    """Raises `PlanInvalid` with one sentence that says what to do."""
    users, profile = _people(typed)
    _between("--users", users, 1, MOST_USERS)
    _between("--runs-per-user", typed.runs_per_user, 0.01, 10_000)
    _between("--tokens", typed.tokens, 1, 1_000_000)
    _between("--input-tokens", typed.input_tokens, 0, 10_000_000)
    scaler = SCALERS[typed.cloud]
    if typed.cold_start_seconds is not None:
        _between("--cold-start-seconds", typed.cold_start_seconds, 0, 3600)
        scaler = replace(scaler, cold_start_seconds=typed.cold_start_seconds)
    if typed.scale_in_seconds is not None:
        _between("--scale-in-seconds", typed.scale_in_seconds, 0, 6 * 3600)
        scaler = replace(scaler, scale_in_seconds=typed.scale_in_seconds)
    if typed.sidecar and typed.cloud == "aws":
        raise PlanInvalid("There is no metrics sidecar on aws: leave --metrics-sidecar out.")
    workload = Workload(
        users=users,
        runs_per_user_per_day=typed.runs_per_user,
        tokens_per_run=typed.tokens,
        input_tokens_per_run=typed.input_tokens,
        profile=profile,
    )
    return Question(
        workload=workload,
        cloud=typed.cloud,
        environment=typed.environment,
        provider=typed.provider,
        sidecar=typed.sidecar,
        scaler=scaler,
    )


def budget_microusd(dollars: float) -> int:
    _between("--budget", dollars, 1, 10_000_000)
    return round(dollars * 1_000_000)


def _people(typed: Typed) -> tuple[int, Profile]:
    """A file has its own users; `--users` beside it stretches its shape."""
    if typed.csv is not None:
        most, profile = from_csv(typed.csv)
        return most if typed.users is None else typed.users, profile
    if typed.profile not in PROFILES:
        raise PlanInvalid(
            f"There is no profile {typed.profile!r}: take {', '.join(PROFILES)}, or a file with --csv."
        )
    if typed.users is None:
        raise PlanInvalid("Say how many people are there at once: --users 1000, or a file with --csv.")
    return typed.users, PROFILES[typed.profile]


def _between(option: str, value: float, least: float, most: float) -> None:
    if not (math.isfinite(value) and least <= value <= most):
        raise PlanInvalid(f"{option} must be from {least:,} to {most:,}, and {value:,} is not.")
