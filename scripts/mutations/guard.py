"""What a guard that is taken away is described by, and short names of directed tests."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guard:
    name: str
    file: str
    """Below backend/helium."""
    code: str
    instead: str
    tests: tuple[str, ...]
    places: int = 1


def db(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/db/test_guards.py::test_guard_{name}" for name in names)


def contract(name: str) -> tuple[str, ...]:
    return (f"tests/contract/test_run_store_limits.py::{name}",)


def engine(file: str, *names: str) -> tuple[str, ...]:
    return tuple(f"tests/engine/test_{file}.py::test_guard_{name}" for name in names)


def of_engine(name: str) -> tuple[str, ...]:
    return (f"tests/contract/test_run_store_engine.py::test_guard_{name}",)
