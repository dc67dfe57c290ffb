"""What is odd without being a fault is said, once, without secrets; what is none of ours is passed over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoops.variables import VARIABLES, key_notices, source_notices

PUBLIC, SECRET = "pk-lf-1", "sk-lf-hush0e4c"
SERVERS_OWN = (
    *("LANGFUSE_INIT_ORG_ID", "LANGFUSE_INIT_PROJECT_PUBLIC_KEY", "LANGFUSE_INIT_PROJECT_SECRET_KEY"),
    *("LANGFUSE_INIT_USER_PASSWORD", "LANGFUSE_S3_MEDIA_UPLOAD_BUCKET", "LANGFUSE_S3_EVENT_UPLOAD_REGION"),
    *("LANGFUSE_S3_EVENT_UPLOAD_SECRET_ACCESS_KEY", "LANGFUSE_S3_BATCH_EXPORT_ENABLED", "LANGFUSE_LOG_LEVEL"),
    *(
        "LANGFUSE_INGESTION_QUEUE_DELAY_MS",
        "LANGFUSE_CACHE_API_KEY_TTL_SECONDS",
        "LANGFUSE_CSP_ENFORCE_HTTPS",
    ),
)


@pytest.mark.parametrize(
    ("public", "secret", "words"),
    [
        ("pk-1", SECRET, ["LANGFUSE_PUBLIC_KEY does not begin with pk-lf-"]),
        (PUBLIC, "hush0e4c", ["LANGFUSE_SECRET_KEY does not begin with sk-lf-"]),
        ("a", "hush0e4c", ["LANGFUSE_PUBLIC_KEY does not", "LANGFUSE_SECRET_KEY does not"]),
        (SECRET, PUBLIC, ["are swapped"]),
        (PUBLIC, None, ["LANGFUSE_SECRET_KEY is not"]),
        (None, SECRET, ["LANGFUSE_PUBLIC_KEY is not"]),
        (
            "pk-lf-your_public_key_here",
            "sk-lf-your_secret_key_here",
            ["PUBLIC_KEY is still", "SECRET_KEY is still"],
        ),
        (PUBLIC, SECRET, []),
        (None, None, []),
    ],
)
def test_odd_keys(public: str | None, secret: str | None, words: list[str]) -> None:
    """Each oddity of the keys has a sentence of its own."""
    notices = key_notices(public, secret)

    assert len(notices) == len(words)
    assert all(word in notice for word, notice in zip(words, notices, strict=True))


@given(st.sampled_from(["", "pk-lf-", "sk-lf-"]), st.sampled_from(["", "pk-lf-", "sk-lf-"]))
def test_keys_are_not_repeated(public: str, secret: str) -> None:
    """No sentence holds either key, which may be the secret one by mistake."""
    assert "hush0e4c" not in "".join(key_notices(f"{public}hush0e4c", f"{secret}hush0e4c"))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("LANGFUSE_SAMPLERATE", "LANGFUSE_SAMPLE_RATE"),
        ("LANGFUSE_SECRETKEY", "LANGFUSE_SECRET_KEY"),
        ("LANGFUSE_BASEURL", "LANGFUSE_BASE_URL"),
        ("LANGFUSE_MASK_KEYS", "AUTOOPS_MASK_KEYS"),
        ("AUTOOPS_SAMPLE_RATE", "LANGFUSE_SAMPLE_RATE"),
        ("langfuse_host", "LANGFUSE_HOST"),
        ("AUTOOPS_JURNAL", "AUTOOPS_JOURNAL"),
    ],
)
def test_misspelled_names(name: str, meant: str) -> None:
    """A name that is near one of ours is told with the one that was meant, and where it stands."""
    assert source_notices(".env", {name: "hush0e4c"}) == (
        f"{name} (.env) is not a setting and has no effect: did you mean {meant}?",
    )


def test_our_prefix_with_an_unknown_name() -> None:
    """Under our own prefix every unknown name is told, near or not."""
    assert source_notices("environment", {"AUTOOPS_XYZ": ""}) == (
        "AUTOOPS_XYZ (environment) is not a setting and has no effect",
    )


@pytest.mark.parametrize("name", [*SERVERS_OWN, "PATH", "OTEL_TRACES_SAMPLER", "MY_LANGFUSE_SAMPLERATE"])
def test_names_of_others(name: str) -> None:
    """A Langfuse server's variables in the same file, and other programs', are passed over."""
    assert source_notices(".env", {name: "1"}) == ()


def test_our_own_names() -> None:
    """No documented name or alias is odd."""
    assert source_notices(".env", {name: None for variable in VARIABLES for name in variable.names}) == ()


@pytest.mark.sdk
def test_names_of_the_sdk() -> None:
    """What the installed Langfuse SDK reads itself is never called a mistake."""
    from langfuse._client import environment_variables

    names = [name for name in vars(environment_variables) if name.startswith("LANGFUSE_")]
    elsewhere = ("LANGFUSE_MAX_BATCH_SIZE_BYTES", "LANGFUSE_SDK_EXPERIMENT_ENVIRONMENT")

    assert len(names) > 10
    assert source_notices("environment", dict.fromkeys((*names, *elsewhere), "")) == ()


def test_aliases_that_contradict_each_other() -> None:
    """Two names of one setting with different values are told, with the one that counts; equal ones are not."""
    differ = {"LANGFUSE_HOST": "http://a", "LANGFUSE_BASE_URL": "http://b"}

    assert source_notices(".env", differ) == (
        "LANGFUSE_BASE_URL and LANGFUSE_HOST (.env) differ: LANGFUSE_BASE_URL counts",
    )
    assert source_notices(".env", dict.fromkeys(differ, "http://a")) == ()
    assert source_notices(".env", {**differ, "LANGFUSE_HOST": ""}) == ()
