"""`HELIUM_CORS_ORIGINS`: exact origins, as browsers write them, or a sentence."""

import pytest

from helium.settings import Settings, SettingsInvalid, load_settings

NAME = "HELIUM_CORS_ORIGINS"


def test_no_page_of_another_host_may_ask_unless_it_is_named() -> None:
    assert Settings().page_origins == ()


def test_origins_are_named_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "https://app.example.com, http://localhost:3000,http://[::1]:3000,")

    assert load_settings().page_origins == (
        "https://app.example.com",
        "http://localhost:3000",
        "http://[::1]:3000",
    )


@pytest.mark.parametrize("value", ["*", "https://app.example.com,*", "https://*.example.com"])
def test_a_star_is_refused_with_one_sentence(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)

    with pytest.raises(SettingsInvalid) as refused:
        load_settings()
    assert str(refused.value) == f"{NAME} must name each origin: * would let every page of the web ask."


@pytest.mark.parametrize(
    "value",
    [
        "app.example.com",
        "https://app.example.com/",
        "https://app.example.com/chat",
        "https://App.example.com",
        "https://app.example.com:443",
        "http://app.example.com:80",
        "https://me@app.example.com",
        "https://a.example.com https://b.example.com",
        "null",
        "ftp://app.example.com",
    ],
)
def test_what_no_browser_sends_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)

    with pytest.raises(SettingsInvalid) as refused:
        load_settings()
    assert str(refused.value).startswith(f"{NAME} should be origins as browsers write them")
