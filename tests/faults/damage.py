"""Damage to a file, drawn at random: flipped bits, lost and repeated parts, extreme numbers, words that mean things."""

from __future__ import annotations

import random

NASTY = (
    "1e400",
    "9" * 5000,
    "-1",
    "0",
    "null",
    "{}",
    "[]",
    "[" * 60,
    "{a: " * 60,
    "&a [*a]",
    "*a",
    "!!python/name:os.system",
    "nan",
    ".inf",
    "''",
    "\\ud800",
    "\x00",
    "\x1b[31m",
    "\ufeff",
    "extends: theirs",
    "use: std/adam",
    "<<: *a",
    "- " * 100,
    "true",
    "1_000",
    "0x" + "f" * 300,
    '"\\u0000"',
    "../../etc/passwd",
    "é" * 300,
    "\u202e",
)
"""What takes the place of words of text files."""


def mutated(content: bytes, drawn: random.Random, *, is_text: bool) -> bytes:
    """Return a file with one to four changes; a text also loses words to nasty ones."""
    changed = bytearray(content)
    for _ in range(drawn.randint(1, 4)):
        at = drawn.randrange(len(changed) + 1)
        length = min(drawn.choice((1, 2, 4, 8, 64, 512)), len(changed) - at)
        way = drawn.choice(("flip", "cut", "remove", "repeat", "noise", "extreme", *(["word"] * 6 if is_text else [])))
        if way == "flip" and at < len(changed):
            changed[at] ^= 1 << drawn.randrange(8)
        elif way == "cut" and drawn.random() < 0.3:
            del changed[at:]
        elif way == "remove":
            del changed[at : at + length]
        elif way == "repeat":
            changed[at:at] = changed[at : at + length] * drawn.choice((1, 2, 50))
        elif way == "noise":
            changed[at : at + length] = drawn.randbytes(length)
        elif way == "extreme":
            changed[at : at + 4] = drawn.choice(
                (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f")
            )
        elif way == "word":
            words = bytes(changed).split(b" ")
            words[drawn.randrange(len(words))] = drawn.choice(NASTY).encode("utf-8", "surrogatepass")
            changed = bytearray(b" ".join(words))
    return bytes(changed)
