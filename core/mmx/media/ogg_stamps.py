"""Time stamps of packets in Ogg, which keeps them once a page: where a page does not begin where the last one ended.

Ogg writes down when the last packet of a page ends (RFC 3533, granule positions). A demuxer that counts from the
beginning of a page is right only where nothing is missing in it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

_UNEVEN: Final = 1.5
"""Lengths of the shortest frame of a video from which on a frame is longer than others."""


_PAGE: Final = b"OggS"
_HEADER: Final = 27
"""Bytes of a page before its table of segments."""
_BEGINS: Final = 2
"""Flag of the first page of a stream."""
_TAIL: Final = 1 << 17
"""Bytes at the end that hold the beginning of the last page: a page has at most 65,307."""


class OggPacket(NamedTuple):
    """What a demuxer says of a packet: time stamp and duration in ticks, the byte where its page is, and its head."""

    stamp: int
    duration: int
    page: int
    head: bytes


class Stamps(NamedTuple):
    """Time stamps as they are given, ascending, and as they are meant; empty where both are the same."""

    given: tuple[int, ...] = ()
    meant: tuple[int, ...] = ()

    def of(self, stamp: int) -> int:
        """Return what a given time stamp means; what is counted on from a packet moves with it."""
        at = bisect_right(self.given, stamp) - 1
        return stamp if at < 0 else stamp + self.meant[at] - self.given[at]


def packet_of(packet: Any, codec: str) -> OggPacket | None:
    """Return what is needed of a demuxed packet; None where it has no time stamp, or nothing in it."""
    if packet.pts is None or not packet.size:
        return None
    head = bytes(memoryview(packet)[:12]) if codec == "flac" else b""
    return OggPacket(packet.pts, packet.duration or 0, packet.pos or 0, head)


def mended(packets: Sequence[OggPacket], end: int, codec: str) -> Stamps:
    """Return the time stamps that are meant, where they are not those that a demuxer gives.

    FLAC: the packets of a page end where the page says. What is missing before that is missing where the numbers of
    FLAC's frames (RFC 9639, section 9.1.5) jump; where they do not, before the page.

    VP8: a page ends with a frame and the time that writers take for its length, that of the shortest frames. Where the
    frames are uneven and the first one is as short as any, a frame begins that much before the end of its page. Else
    it begins where the page before ends, as the demuxer has it.

    Args:
        packets: Of one stream, in order; a clock that begins anew is left as it is.
        end: The time stamp that ends the stream, in ticks.
        codec: "flac" or "vp8"; others need nothing.
    """
    if len(packets) < 1 or any(after.stamp < before.stamp for before, after in pairwise(packets)):
        return Stamps()
    meant = {"flac": _flac, "vp8": _vp8}[codec](packets, end) if codec in ("flac", "vp8") else []
    moved = [(packet.stamp, place) for packet, place in zip(packets, meant, strict=False)]
    # Kept: where the shift changes.
    kept = [
        pair
        for number, pair in enumerate(moved)
        if pair[1] - pair[0] != (moved[number - 1][1] - moved[number - 1][0] if number else 0)
    ]
    return Stamps(tuple(given for given, _ in kept), tuple(place for _, place in kept))


def _flac(packets: Sequence[OggPacket], end: int) -> list[int]:
    firsts = [at for at, packet in enumerate(packets) if not at or packet.page != packets[at - 1].page]
    block = max(packet.duration for packet in packets)
    found: list[int] = []
    for first, stop in zip(firsts, [*firsts[1:], len(packets)], strict=True):
        page = packets[first:stop]
        until = packets[stop].stamp if stop < len(packets) else end
        lost = until - page[0].stamp - sum(packet.duration for packet in page)
        gaps = [_missing(packets, at, block) for at in range(first, stop)]
        if sum(gaps) != lost:
            gaps = [lost, *[0] * (len(page) - 1)]
        place = page[0].stamp
        for packet, gap in zip(page, gaps, strict=True):
            place += max(0, gap)
            found.append(place)
            place += packet.duration
    return found


def _missing(packets: Sequence[OggPacket], at: int, block: int) -> int:
    """Return the samples that frame numbers say are missing before a packet."""
    if not at:
        return 0
    before, now = _number(packets[at - 1].head), _number(packets[at].head)
    if before is None or now is None:
        return 0
    if packets[at].head[1] & 1:  # blocks of several sizes: the number is that of the first sample
        return now - before - packets[at - 1].duration
    return (now - before - 1) * block


def _number(head: bytes) -> int | None:
    """Return the number in a FLAC frame's header, coded as UTF-8 codes characters, but up to 36 bits."""
    if len(head) < 5 or head[0] != 0xFF or head[1] & 0xFE != 0xF8:
        return None
    ones = 8 - (~head[4] & 0xFF).bit_length()
    if ones == 0:
        return head[4]
    rest = head[5 : 4 + ones]
    if ones in (1, 8) or len(rest) < ones - 1:
        return None
    number = head[4] & (0x7F >> ones)
    for byte in rest:
        number = number << 6 | byte & 0x3F
    return number


def _vp8(packets: Sequence[OggPacket], end: int) -> list[int]:
    ends = [*(packet.stamp for packet in packets[1:]), end]
    shortest = ends[0]
    lengths = [after - before for before, after in pairwise(ends)]
    if not lengths or shortest <= 0 or min(lengths) < shortest or max(lengths) < _UNEVEN * shortest:
        return []
    return [place - shortest for place in ends]


def joined(path: Path) -> bool:
    """Return whether the last page of an Ogg file is of a stream that does not begin at the start of the file.

    So it is where files follow one another ("chaining", RFC 3533, section 4), as recorders of radio write them.
    """
    serials: set[bytes] = set()
    with path.open("rb") as file:
        while (page := file.read(_HEADER))[:4] == _PAGE and len(page) == _HEADER and page[5] & _BEGINS:
            serials.add(page[14:18])
            file.seek(sum(file.read(page[26])), 1)
        file.seek(max(0, file.seek(0, 2) - _TAIL))
        tail = file.read()
    last = tail.rfind(_PAGE)
    return bool(serials) and 0 <= last <= len(tail) - _HEADER and tail[last + 14 : last + 18] not in serials
