"""Time stamps of pages, counted from their ends."""

from __future__ import annotations

import pytest

from mmx.media.ogg_stamps import OggPacket, Stamps, mended


def flac(numbers: list[int], *, per_page: int, start: int = 0, samples: int = 10) -> list[OggPacket]:
    """Packets of frames with these numbers, as a demuxer stamps them: each page begins where the one before ended.

    The true position of frame n is `start` + n frames.
    """
    found = []
    at = 0
    for first in range(0, len(numbers), per_page):
        page = numbers[first : first + per_page]
        for place, number in enumerate(page):
            coded = bytes([number]) if number < 128 else chr(number).encode()
            found.append(OggPacket(at + place * samples, samples, first, b"\xff\xf8\x00\x00" + coded + bytes(4)))
        at = start + (page[-1] + 1) * samples
    return found


@pytest.mark.parametrize("start", [0, 70])
def test_frames_of_flac_lie_where_their_numbers_say(start: int) -> None:
    numbers = [0, 1, 2, 3, 9, 10, 11, 300, 301, 2048, 70_000, 70_001]
    packets = flac(numbers, per_page=4, start=start)
    found = mended(packets, start + (numbers[-1] + 1) * 10, "flac")
    assert [found.of(packet.stamp) for packet in packets] == [start + number * 10 for number in numbers]


def test_without_a_jump_in_the_numbers_a_page_is_counted_from_its_end() -> None:
    packets = [packet._replace(head=bytes(12)) for packet in flac([0, 1, 2, 3, 4, 5], per_page=2)]
    late = [packet._replace(stamp=packet.stamp + 100 * (number > 3)) for number, packet in enumerate(packets)]
    found = mended(late, 160, "flac")
    assert [found.of(packet.stamp) for packet in late] == [0, 10, 120, 130, 140, 150]
    assert found.given == (20, 140)


def test_what_is_complete_or_begins_anew_stays() -> None:
    packets = flac([*range(8)], per_page=4)
    assert mended(packets, 80, "flac") == Stamps()
    assert mended(packets, 75, "flac") == Stamps()  # the end is cut within the last frame
    assert mended([*packets, *packets], 160, "flac") == Stamps()
    assert mended([], 0, "flac") == Stamps()
    assert mended(packets, 999, "opus") == Stamps()


def vp8(ends: list[int], *, first: int = 0) -> list[OggPacket]:
    return [OggPacket(stamp, 1, number, b"") for number, stamp in enumerate([first, *ends[:-1]])]


def test_uneven_frames_of_vp8_begin_the_shortest_length_before_their_pages_end() -> None:
    times = [0, 1000, 1500, 1600, 4000]
    packets = vp8([time + 100 for time in times], first=99)
    found = mended(packets, 4100, "vp8")
    assert [found.of(packet.stamp) for packet in packets] == times


@pytest.mark.parametrize("ends", [[100, 200, 300, 400], [700, 800, 1900, 2000], [133, 167, 200]])
def test_even_frames_and_those_after_a_long_one_begin_where_the_page_before_ends(ends: list[int]) -> None:
    assert mended(vp8(ends), ends[-1], "vp8") == Stamps()
