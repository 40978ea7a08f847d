"""References: how a variable says where its value is kept."""

import pytest

from helium.adapters.secrets import Places, ReferenceInvalid, open_secrets
from helium.adapters.secrets.reference import Reference, parse
from helium.kit.clock import ManualClock

UUID = "a1b2c3d4-0000-4000-8000-123456789abc"
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:helium/openai-AbCdEf"


@pytest.mark.parametrize(
    ("value", "reference", "pinned"),
    [
        ("secret:env:OTHER", Reference(kind="env", name="OTHER"), False),
        ("secret:file:openai_key", Reference(kind="file", name="openai_key"), False),
        ("secret:file:models/openai.key", Reference(kind="file", name="models/openai.key"), False),
        (" secret:gcp:openai-key\n", Reference(kind="gcp", name="openai-key"), False),
        ("secret:gcp:openai-key@7", Reference(kind="gcp", name="openai-key", version="7"), True),
        ("secret:gcp:openai-key@latest", Reference(kind="gcp", name="openai-key"), False),
        ("secret:gcp:openai-key@prod", Reference(kind="gcp", name="openai-key", version="prod"), False),
        ("secret:gcp:keys#openai@7", Reference(kind="gcp", name="keys", field="openai", version="7"), True),
        ("secret:gcp:projects/p-1/secrets/k", Reference(kind="gcp", name="projects/p-1/secrets/k"), False),
        ("secret:aws:helium/openai", Reference(kind="aws", name="helium/openai"), False),
        (f"secret:aws:{ARN}", Reference(kind="aws", name=ARN), False),
        (
            "secret:aws:helium/openai#api_key@AWSCURRENT",
            Reference(kind="aws", name="helium/openai", field="api_key", version="AWSCURRENT"),
            False,
        ),
        (f"secret:aws:a@b@{UUID}", Reference(kind="aws", name="a@b", version=UUID), True),
    ],
)
def test_a_reference_says_the_place_the_name_the_field_and_the_version(
    value: str, reference: Reference, pinned: bool
) -> None:
    found = parse("KEY", value)
    assert (found, found and found.pinned) == (reference, pinned)


@pytest.mark.parametrize("value", ["", "sk-123", "secrets", "postgresql://secret:gcp@h/d", "secret"])
def test_what_is_no_reference_is_the_value_itself(value: str) -> None:
    assert parse("KEY", value) is None


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (
            "secret:canary",
            "KEY begins with secret: but not with"
            " secret:env: or secret:file: or secret:gcp: or secret:aws:.",
        ),
        ("secret:env:canary-1", "KEY is not of the form secret:env:VARIABLE."),
        ("secret:env:canary@7", "KEY is not of the form secret:env:VARIABLE."),
        ("secret:file:", "KEY is not of the form secret:file:NAME."),
        ("secret:file:../canary", "KEY is not of the form secret:file:NAME."),
        ("secret:file:/etc/canary", "KEY is not of the form secret:file:NAME."),
        ("secret:file:.canary", "KEY is not of the form secret:file:NAME."),
        ("secret:gcp:canary@", "KEY is not of the form secret:gcp:NAME, "),
        ("secret:gcp:canary@0", "KEY is not of the form secret:gcp:NAME, "),
        ("secret:gcp:a/canary", "KEY is not of the form secret:gcp:NAME, "),
        ("secret:gcp:canary#@7", "KEY is not of the form secret:gcp:NAME, "),
        ("secret:aws:ca nary", "KEY is not of the form secret:aws:NAME, "),
    ],
)
def test_a_wrong_reference_is_one_sentence_without_the_value(value: str, sentence: str) -> None:
    with pytest.raises(ReferenceInvalid) as refused:
        parse("KEY", value)
    assert str(refused.value).startswith(sentence)
    assert "canary" not in str(refused.value)


def test_every_wrong_reference_is_named_at_the_start() -> None:
    environ = {
        "A": "secret:vault:x",
        "B": "secret:file:x",
        "C": "secret:gcp:x",
        "D": "secret:aws:x",
        "E": "secret:env:A",
        "GOOD": "secret:env:PLAIN",
        "PLAIN": "sk-12345678",
    }
    learned = list[str]()
    secrets = open_secrets(environ, ManualClock(), Places(), learn=learned.append)

    with pytest.raises(ReferenceInvalid) as refused:
        secrets.check([*environ, "UNSET"])

    assert str(refused.value).splitlines() == [
        "A begins with secret: but not with secret:env: or secret:file: or secret:gcp: or secret:aws:.",
        "B refers to secret:file: set HELIUM_SECRETS__FOLDER for it.",
        "C refers to secret:gcp: set HELIUM_SECRETS__GCP_PROJECT for it.",
        "D refers to secret:aws: set HELIUM_SECRETS__AWS_REGION for it.",
        "E refers to A, which is a reference itself.",
    ]
    assert learned == ["sk-12345678"]


def test_the_region_may_be_where_the_tools_of_aws_look_for_it() -> None:
    environ = {"KEY": "secret:aws:x", "AWS_REGION": "eu-west-1"}
    open_secrets(environ, ManualClock(), Places()).check(["KEY"])
