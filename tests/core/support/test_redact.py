from __future__ import annotations

from pathlib import Path

import pytest

from mmx.support.redact import REDACTED, is_secret, redact_address, redact_text, redact_values, redacted_copy


@pytest.mark.parametrize(
    "key",
    ["token", "hub_token", "HF_TOKEN", "a.b.api_key", "apikey", "API-KEY", "secret", "client_secret_id", "db.password",
     "passwd", "credentials", "aws_credential"],
)  # fmt: skip
def test_secret_keys(key: str) -> None:
    assert is_secret(key)
    assert redact_values({key: "hunter22"}) == {key: REDACTED}


@pytest.mark.parametrize("key", ["tokens", "tokenizer", "max_tokens", "token.width", "encoders.text.out_dim", "steps"])
def test_everyday_keys_stay(key: str) -> None:
    assert redact_values({key: "value"}) == {key: "value"}


def test_a_number_called_token_is_not_a_secret_but_a_numeric_password_is() -> None:
    assert redact_values({"cls_token": True, "token_dim": 64, "password": 1234}) == {
        "cls_token": True,
        "token_dim": 64,
        "password": REDACTED,
    }


@pytest.mark.parametrize(
    "line",
    [
        "hub_token: abc123",
        "password = 'abc123'",
        '"api_key": "abc123",',
        "+    secret: abc123",
        "TOKEN=abc123 mmx run x",
    ],
)
def test_values_disappear_from_text(line: str) -> None:
    clean = redact_text(line, {})
    assert "abc123" not in clean
    assert REDACTED in clean


def test_text_without_secrets_is_untouched() -> None:
    text = "tokens: [a, b]\ntokenizer: bpe\ncls_token: true\ntoken_dim: 64\nlr: 1e-3\n"
    assert redact_text(text, {}) == text


def test_values_of_secret_variables_disappear_anywhere_and_short_ones_do_not_matter() -> None:
    environ = {"HF_TOKEN": "hf_ABCDEF", "MY_PASSWORD": "1", "PATH": "/usr/bin"}
    assert redact_text("got hf_ABCDEF at 1 of /usr/bin", environ) == f"got {REDACTED} at 1 of /usr/bin"


def test_passwords_leave_addresses() -> None:
    assert redact_address("https://me:pw@host:5000/x") == "https://host:5000/x"
    assert redact_text("see https://me:pw@host/x", {}) == "see https://host/x"


def test_a_clean_copy_is_made_only_where_needed(tmp_path: Path) -> None:
    clean, dirty, binary = tmp_path / "a.yaml", tmp_path / "b.yaml", tmp_path / "c.bin"
    clean.write_text("x: 1\n")
    dirty.write_text("password: xyzzy\n")
    binary.write_bytes(b"password: xyzzy")
    with redacted_copy(clean) as path:
        assert path == clean
    with redacted_copy(binary) as path:
        assert path == binary
    with redacted_copy(dirty) as path:
        assert path != dirty
        assert path.name == "b.yaml"
        assert "xyzzy" not in path.read_text()
    assert not path.exists()
    assert "xyzzy" in dirty.read_text()
