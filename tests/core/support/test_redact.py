from __future__ import annotations

import base64
import re
import sys
import time
import urllib.parse
from pathlib import Path

import pytest

from mmx.support import redact
from mmx.support.redact import (
    REDACTED,
    is_secret,
    redact_address,
    redact_text,
    redact_tree,
    redact_values,
    redacted_copy,
    remember,
)


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
        r"{'password': 'it\'s abc123'}",
    ],
)
def test_values_disappear_from_text(line: str) -> None:
    clean = redact_text(line, {})
    assert "abc123" not in clean
    assert REDACTED in clean


def test_text_without_secrets_is_untouched() -> None:
    text = "tokens: [a, b]\ntokenizer: bpe\ncls_token: true\ntoken_dim: 64\nlr: 1e-3\n"
    text += 'cls_token: [0.1, 0.2]\ntoken:\n  use: std/x\n  width: 64\n{"token": {"width": 64, "use": "std/x"}}\n'
    text += (
        "mmx x --max-tokens 3 --token-dim 64; docker --user 1000:1000; pass --password to log in, a cls-token here\n"
    )
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


@pytest.mark.parametrize(
    "name",
    [
        "MYSQL_PWD",
        "GITHUB_PAT",
        "AWS_ACCESS_KEY_ID",
        "OPENAI_KEY",
        "DB_PASS",
        "SENTRY_DSN",
        "HTTP_AUTH",
        "SSH_PASSPHRASE",
    ],
)
def test_values_of_variables_that_sound_like_secrets_disappear(name: str) -> None:
    assert redact_text("with open-sesame in it", {name: "open-sesame"}) == f"with {REDACTED} in it"


@pytest.mark.parametrize("name", ["PWD", "OLDPWD", "PATH", "AUTHOR", "KEYBOARD", "PATTERN", "XDG_PATH"])
def test_values_of_everyday_variables_stay(name: str) -> None:
    assert redact_text("in here/and/there", {name: "here/and/there"}) == "in here/and/there"


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abc123def456",
        '{"Authorization": "Basic abc123def456=="}',
        "curl -H 'X-Auth: abc123def456'",
        "+    password: correct abc123 battery",
        "aws AKIAABC123ABC123ABC1 there",
        "ghp_abc123abc123abc123abc123",
        "github_pat_11ABCDEFG0abc123abc123abc123",
        "sk-proj-abc123abc123abc123abc123",
        "xoxb-abc123-abc123-abc123",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJabc123In0.abc123",
        "-----BEGIN RSA PRIVATE KEY-----\n+abc123\n+abc123\n-----END RSA PRIVATE KEY-----",
        "postgres://me:abc@123@host/db",
        "https://host/x?access_token=abc123&y=1",
        "password: &quot;abc 123&quot;, next",
        "hub_token=&#x27;abc 123&#x27;",
        'password = "a\\"bc123"',
        "aws_access_key_id = abc123",
        "token=[abc123, xabc123]",
        '"token": ["abc123",\n "xabc123"], "next": 3',
        "token=[ghp_abc123abc123abc123abc123, abc123]",
        "credentials = {one: abc123, two: abc123}",
        "+hub_token:\n+  - abc123\n+  - xabc123\n+next: 3",
        "password: |\n  abc123\n  xabc123\nnext: 3",
        "credentials:\n  one: abc123\n  two: abc123\nnext: 3",
        "Cookie: one=abc123; two=abc123",
        "Set-Cookie: one=abc123; Path=/",
        "headers={'Cookie': 'one=abc123; two=abc123'}",
        "[('Authorization', 'abc123')]",
        "mmx x --hub-token abc123 --steps 3",
        "mmx x --password 'abc 123' --steps 3",
        "curl -u me:abc123 http://host/x",
        "Authorization: Basic abc123==",
        "Proxy-Authorization: Negotiate abc123",
        "https://host/x?X-Amz-Signature=abc123&y=1",
        "token => abc123",
        "password=xyz,abc123",
    ],
)
def test_tokens_disappear_by_shape_and_place(text: str) -> None:
    clean = redact_text(text, {})
    assert REDACTED in clean or "@" not in clean
    for part in ("abc123", "ABC123", "123@", "abc 123", "bc123", "battery"):
        assert part not in clean, clean


def test_media_inside_pages_is_left_as_it_is() -> None:
    data = "iVBORw0KGgo" + "tokenABCpatX" * 50 + "=="
    page = f'<img src="data:image/png;base64,{data}"> password: abc123'
    clean = redact_text(page, {})
    assert data in clean
    assert "abc123" not in clean


def test_nested_values_are_redacted_at_every_depth() -> None:
    tree = {"a": [{"hub_token": "x1", "credentials": {"user": "x2", "more": ["x3"]}}], "steps": 3, "tokens": ["keep"]}
    clean = redact_tree(tree)
    assert clean["steps"] == 3
    assert clean["tokens"] == ["keep"]
    assert not {"x1", "x2", "x3"} & set(re.findall(r"x\d", str(clean)))


def test_values_that_were_noted_disappear_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redact, "_remembered", set())
    remember({"corpus.hub_token": "plugh-<plugh>", "steps": "everyday", "cls_token": "true"})
    assert redact_text("plugh-<plugh> everyday true", {}) == f"{REDACTED} everyday true"
    assert redact_text("plugh-&lt;plugh&gt;", {}) == REDACTED


def test_the_ways_of_addresses_and_headers_are_known_too() -> None:
    value = "p@ss/w o&rd=1#x?"
    environ = {"API_TOKEN": value}
    for around in ("", "m", "me", "me:", "me:you:"):
        for text in (around + value, around + value + "!", around + value + "!?"):
            for written in (base64.b64encode, base64.urlsafe_b64encode):
                said = redact_text(f"sent {written(text.encode()).decode()} to it", environ)
                assert REDACTED in said, (around, text)
    for way in (urllib.parse.quote, urllib.parse.quote_plus):
        assert redact_text(f"GET /x/{way(value, safe='')}/y", environ) == f"GET /x/{REDACTED}/y"


def test_arguments_of_the_command_line_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sys, "argv", ["mmx", "run", "x", "corpus.hub_token=open sesame", "steps=123456", "token_dim=654321"]
    )
    assert redact_text("mmx run 'corpus.hub_token=open sesame'", {}).count("sesame") == 0
    assert redact_text("open sesame 123456 654321", {}) == f"{REDACTED} 123456 654321"
    monkeypatch.setattr(
        sys, "argv", ["mmx", "own-login", "--hub-token", "open sesame", "--password", "--steps", "plugh"]
    )
    assert redact_text("open sesame, plugh", {}) == f"{REDACTED}, plugh"


def test_megabytes_cost_little() -> None:
    begun = time.process_time()
    redact_text("token" * 400_000, {})
    redact_text("a:" * 1_000_000, {})
    redact_text("://" + "x" * 2_000_000, {})
    redact_text("token=[" * 200_000 + "token={" * 200_000, {})
    redact_text("--token " * 200_000 + "token:\n  - a\n" * 100_000 + "cookie:" * 200_000, {})
    redact_text("-----BEGIN PRIVATE KEY-----" * 2_000, {})
    assert time.process_time() - begun < 20
