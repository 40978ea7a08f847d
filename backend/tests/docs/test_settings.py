"""The settings: read from the environment, refused in plain words, documented."""

import runpy
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from helium.settings import Settings, SettingsInvalid, load_settings

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in os.environ:
        if name.startswith("HELIUM_"):
            monkeypatch.delenv(name)


def test_the_defaults_are_a_laptops(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HELIUM_HOME", str(tmp_path))

    settings = load_settings()

    assert (settings.home, settings.host, settings.port) == (tmp_path, "127.0.0.1", 8000)
    assert settings.database_url is None
    assert settings.worker.slice_seconds is None


def test_the_environment_sets_single_values_and_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELIUM_PORT", "9000")
    monkeypatch.setenv("HELIUM_DATABASE_URL", "postgresql://ada:secret@db/helium")
    monkeypatch.setenv("HELIUM_DATABASE__POOLER", "true")
    monkeypatch.setenv("HELIUM_WORKER__SLICE_SECONDS", "")

    settings = load_settings()

    assert (settings.port, settings.database.pooler, settings.database.pool_size) == (9000, True, 10)
    assert settings.database_url == SecretStr("postgresql://ada:secret@db/helium")
    assert settings.worker.slice_seconds is None
    assert "ada:secret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "HELIUM_PORT",
            "http",
            "HELIUM_PORT should be a valid integer, unable to parse string as an integer.",
        ),
        ("HELIUM_PORT", "70000", "HELIUM_PORT should be less than or equal to 65535."),
        ("HELIUM_ENVIRONMENT", "prod", "HELIUM_ENVIRONMENT should be 'development' or 'production'."),
        (
            "HELIUM_DATABASE_URL",
            "mysql://a:secret@b",
            "HELIUM_DATABASE_URL should start with postgresql://.",
        ),
        ("HELIUM_WORKER__SLOTS", "0", "HELIUM_WORKER__SLOTS should be greater than or equal to 1."),
        (
            "HELIUM_WORKER__SLOT",
            "1",
            "HELIUM_WORKER__SLOT is not a setting: see docs/reference/settings.md.",
        ),
    ],
)
def test_a_wrong_value_is_one_sentence(
    name: str, value: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsInvalid) as refused:
        load_settings()

    assert str(refused.value) == sentence


def test_every_wrong_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELIUM_PORT", "http")
    monkeypatch.setenv("HELIUM_LOG_LEVEL", "loud")

    with pytest.raises(SettingsInvalid) as refused:
        load_settings()

    named = [line.split()[0] for line in str(refused.value).splitlines()]
    assert named == [
        "HELIUM_PORT",
        "HELIUM_LOG_LEVEL",
    ]


def test_every_setting_says_what_it_means() -> None:
    assert _undescribed(Settings) == []


def _undescribed(model: type[BaseModel]) -> list[str]:
    missing = [name for name, field in model.model_fields.items() if not field.description]
    for field in model.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            missing += _undescribed(field.annotation)
    return missing


def test_the_documents_are_those_of_the_code() -> None:
    script: dict[str, Any] = runpy.run_path(str(ROOT / "scripts/generate_settings_docs.py"))
    expected: dict[Path, str] = script["documents"]()

    assert {path: path.read_text() for path in expected} == expected, "run `make contracts`"
