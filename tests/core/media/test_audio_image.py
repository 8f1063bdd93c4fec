from __future__ import annotations

import struct
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from mmx.errors import DataError
from mmx.media.audio_image import Limits, read_audio, read_image, read_video, write_audio, write_image
from mmx.types import Audio
from tests.core.media.made_media import CONTAINERS, make, mux_audio, onsets


def tone(seconds: float = 1.0, rate: int = 16000, channels: int = 1) -> Audio:
    time = np.arange(round(seconds * rate)) / rate
    return Audio(np.stack([0.5 * np.sin(2 * np.pi * 220 * (c + 1) * time) for c in range(channels)]).astype("f4"), rate)


@pytest.mark.parametrize(("suffix", "error"), [(".wav", 1e-4), (".flac", 1e-4), (".ogg", 0.1)])
@pytest.mark.parametrize("channels", [1, 2, 3, 6])
def test_audio_comes_back_with_all_channels(tmp_path: Path, suffix: str, error: float, channels: int) -> None:
    audio = tone(channels=channels)
    back = read_audio(write_audio(tmp_path / f"a{suffix}", audio))
    assert back.rate == audio.rate
    assert back.samples_CT.shape == audio.samples_CT.shape
    assert np.abs(back.samples_CT - audio.samples_CT).max() < error


def test_a_minute_of_ogg_is_written_without_crashing(tmp_path: Path) -> None:
    back = read_audio(write_audio(tmp_path / "a.ogg", tone(60, 44100, 2)))
    assert back.samples_CT.shape == (2, 60 * 44100)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_window_equals_the_slice_of_the_whole(tmp_path: Path, suffix: str) -> None:
    path = write_audio(tmp_path / f"a{suffix}", tone(2.0))
    whole = read_audio(path).samples_CT
    assert np.array_equal(read_audio(path, start=0.5, seconds=0.25).samples_CT, whole[:, 8000:12000])
    assert np.array_equal(read_audio(path, start=1.75).samples_CT, whole[:, 28000:])
    assert np.array_equal(read_audio(path, start=1.9, seconds=5).samples_CT, whole[:, 30400:])


def test_of_ten_hours_only_the_window_is_read(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    header = b"RIFF" + struct.pack("<I", 36_000_036) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 1000, 1000, 1, 8)
    path.write_bytes(header + b"data" + struct.pack("<I", 36_000_000))
    with path.open("r+b") as handle:
        handle.truncate(44 + 36_000_000)  # a hole: ten hours that take no room on the disk
    with pytest.raises(DataError, match="36,000 s at once"):
        read_audio(path)
    assert read_audio(path, start=30_000, seconds=2).samples_CT.shape == (1, 2000)


def test_float_files_with_bad_samples_are_refused(tmp_path: Path) -> None:
    samples = np.zeros(1000, np.float32)
    samples[300:310] = np.nan
    soundfile.write(tmp_path / "a.wav", samples, 1000, subtype="FLOAT")
    with pytest.raises(DataError, match="10 of 1000 samples are not finite, the first at sample 300"):
        read_audio(tmp_path / "a.wav")
    assert read_audio(tmp_path / "a.wav", seconds=0.3).samples_CT.shape == (1, 300)


def test_audio_without_samples_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0), 16000)
    with pytest.raises(DataError, match="0 seconds"):
        read_audio(tmp_path / "a.wav")
    with pytest.raises(DataError, match="0 seconds"):
        write_audio(tmp_path / "b.wav", Audio(np.zeros((1, 0), np.float32), 16000))
    assert not (tmp_path / "b.wav").exists()


def test_values_beyond_full_scale_are_cut_off(tmp_path: Path) -> None:
    loud = Audio(np.array([[2.0, -2.0, 0.5]], np.float32), 16000)
    assert np.allclose(read_audio(write_audio(tmp_path / "a.wav", loud)).samples_CT, [[1.0, -1.0, 0.5]], atol=1e-4)


def test_unknown_suffixes_and_bad_samples_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\.wav, \.flac, \.ogg"):
        write_audio(tmp_path / "a.xyz", tone())
    with pytest.raises(DataError, match="not finite"):
        write_audio(tmp_path / "a.wav", Audio(np.full((1, 5), np.nan, np.float32), 16000))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 99, "HEIC photo"),
        (b"\n<!DOCTYPE html><title>404</title>" + b" " * 99, "page of HTML"),
        (b'<?xml version="1.0"?><svg xmlns="x"/>' + b" " * 99, "SVG drawing"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "pointer of Git LFS"),
    ],
)
def test_what_another_kind_of_file_is_and_what_to_do(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    for reader in (read_image, read_audio):
        with pytest.raises(DataError, match=f"a.jpg: cannot be decoded: it is an? {told}"):
            reader(path)


@pytest.mark.parametrize("reader", [read_audio, read_image, read_video])
@pytest.mark.parametrize(
    "content", [b"x", b"RIFF\x00\x00\x00\x00WAVEfmt ", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, b"\xff" * 999]
)
def test_rubbish_is_one_line_with_the_path(tmp_path: Path, reader: object, content: bytes) -> None:
    path = tmp_path / "rubbish.bin"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        reader(path)  # type: ignore[operator]
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".wav"])
def test_half_a_recording_is_refused_or_shorter_but_never_padded(tmp_path: Path, suffix: str) -> None:
    path = write_audio(tmp_path / f"a{suffix}", tone(4.0))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    try:
        audio = read_audio(path)
    except DataError as error:
        assert str(path) in str(error)
    else:
        assert audio.seconds < 3.0


def gradient(height: int = 20, width: int = 30) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_an_image_comes_back(tmp_path: Path) -> None:
    pixels = gradient()
    assert np.array_equal(read_image(write_image(tmp_path / "a.png", pixels)), pixels)


def test_one_pixel(tmp_path: Path) -> None:
    assert np.array_equal(read_image(write_image(tmp_path / "a.png", np.full((1, 1, 3), 9, np.uint8))), [[[9, 9, 9]]])


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK", "I;16", "I", "F", "YCbCr"])
def test_every_kind_of_image_becomes_rgb(tmp_path: Path, mode: str) -> None:
    suffix = {"CMYK": ".jpg", "YCbCr": ".jpg", "F": ".tiff", "I": ".tiff"}.get(mode, ".png")
    if mode == "I;16":
        image = Image.fromarray((np.arange(600).reshape(20, 30) * 109).astype(np.uint16))
    elif mode in ("I", "F"):
        image = Image.fromarray(np.linspace(0, 255, 600).reshape(20, 30).astype("f4" if mode == "F" else "i4"))
    else:
        image = Image.fromarray(gradient()).convert(mode)
    image.save(tmp_path / f"a{suffix}")
    pixels = read_image(tmp_path / f"a{suffix}")
    assert pixels.shape == (20, 30, 3)
    assert pixels.dtype == np.uint8


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    values = np.array([[0, 257 * 100, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[0, :, 0].tolist() == [0, 100, 255]


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0, :, 3] = [0, 128, 255]
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert np.abs(read_image(tmp_path / "a.png")[0, :, 0].astype(int) - [255, 127, 0]).max() <= 1


def test_exif_rotates_the_image(tmp_path: Path) -> None:
    image = Image.fromarray(np.repeat(np.repeat(gradient(2, 3), 16, 0), 16, 1))
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    image.save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_image(tmp_path / "a.png"), np.rot90(np.asarray(image), -1))


def test_of_an_animation_the_first_image(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    assert read_image(tmp_path / "a.gif")[0, 0].tolist() == [255, 0, 0]


def test_too_many_pixels_are_refused_before_decoding(tmp_path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    with pytest.raises(DataError, match=r"20000x20000 pixels|cannot be decoded"):
        read_image(tmp_path / "bomb.png")
    with pytest.raises(DataError, match="30x20 pixels"):
        read_image(write_image(tmp_path / "a.png", gradient()), limits=Limits(pixels=599))


def test_half_an_image_is_refused(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.png", gradient(200, 200))
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataError, match="cannot be decoded"):
        read_image(path)


def png(path: Path, bits: int, colours: int, row: bytes, clear: bytes) -> Path:
    """Write a PNG of four pixels in a row, with a colour that is transparent."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 1, bits, colours, 0, 0, 0))
    rest = chunk(b"tRNS", clear) + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + rest)
    return path


@pytest.mark.parametrize(
    ("bits", "colours", "row", "clear", "reds"),
    [
        (8, 0, bytes([0, 1, 2, 250]), (0,), [255, 1, 2, 250]),
        (1, 0, bytes([0b01010000]), (0,), [255, 255, 255, 255]),
        (2, 0, bytes([0b00011011]), (1,), [0, 255, 170, 255]),
        (4, 0, bytes([0x05, 0x9F]), (5,), [0, 255, 153, 255]),
        (16, 0, struct.pack(">4H", 0, 1000, 30000, 65535), (1000,), [0, 255, 117, 255]),
        (8, 2, bytes([0, 0, 0, 1, 2, 3, 9, 9, 9, 250, 0, 0]), (1, 2, 3), [0, 255, 9, 250]),
        (16, 2, struct.pack(">12H", *[0] * 3, 1000, 2000, 3000, *[30000] * 6), (1000, 2000, 3000), [0, 255, 117, 117]),
    ],
)
def test_a_colour_declared_transparent_is_white(
    tmp_path: Path, bits: int, colours: int, row: bytes, clear: tuple[int, ...], reds: list[int]
) -> None:
    path = png(tmp_path / "a.png", bits, colours, row, struct.pack(f">{len(clear)}H", *clear))
    assert read_image(path)[0, :, 0].tolist() == reds


@pytest.mark.parametrize("rates", [(32_000, 128_000), (128_000, 32_000)])
def test_mp3_without_its_length_is_read_to_the_end(tmp_path: Path, rates: tuple[int, int]) -> None:
    path, content = tmp_path / "a.mp3", b""
    for bit_rate, samples_T in zip(rates, (np.zeros(10 * 16000), tone(6.0).samples_CT[0]), strict=True):
        with av.open(str(path), "w", options={"write_xing": "0", "id3v2_version": "0"}) as container:
            stream = container.add_stream("libmp3lame", rate=16000, layout="mono")
            stream.bit_rate = bit_rate
            mux_audio(container, stream, samples_T.astype(np.float32), 16000)
        content += path.read_bytes()
    path.write_bytes(content)
    with soundfile.SoundFile(path) as guessed:
        assert abs(guessed.frames / guessed.samplerate - 16.0) > 3.0  # the case under test
    audio = read_audio(path)
    assert audio.seconds == pytest.approx(16.0, abs=0.3)
    loud = np.flatnonzero(np.abs(audio.samples_CT[0]) > 0.2)
    assert loud[0] / audio.rate == pytest.approx(10.0, abs=0.2)
    part = read_audio(path, start=12.0, seconds=0.5).samples_CT
    assert np.array_equal(part, audio.samples_CT[:, 192_000:200_000])


def test_streams_whose_header_was_never_finished_are_read(tmp_path: Path) -> None:
    wav = write_audio(tmp_path / "a.wav", tone(2.0))
    content = bytearray(wav.read_bytes())
    for size in (b"\0\0\0\0", b"\xff\xff\xff\xff"):
        content[4:8] = content[40:44] = size
        wav.write_bytes(content)
        assert read_audio(wav).samples_CT.shape == (1, 32000)
    flac = write_audio(tmp_path / "a.flac", tone(2.0))
    content = bytearray(flac.read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)  # the number of samples: unknown
    flac.write_bytes(content)
    assert read_audio(flac).samples_CT.shape == (1, 32000)
    assert read_audio(flac, start=0.5, seconds=1.0).samples_CT.shape == (1, 16000)


def test_ogg_with_a_gap(tmp_path: Path) -> None:
    path = make(tmp_path, CONTAINERS["opus"].but(gap=(2.0, 3.5)))
    whole = read_audio(path)
    assert whole.seconds == pytest.approx(8.0, abs=0.05)
    assert onsets(whole.samples_CT, whole.rate)[-4:] == pytest.approx([4, 5, 6, 7], abs=0.02)
    part = read_audio(path, start=1.5, seconds=3.0)
    assert np.array_equal(part.samples_CT, whole.samples_CT[:, 72_000 : 72_000 + 144_000])


@pytest.mark.parametrize("kind", ["VORBIS", "OPUS"])
def test_ogg_files_that_follow_one_another_are_read_to_the_end(tmp_path: Path, kind: str) -> None:
    """As a recorder of internet radio writes them; the second begins where the first ends."""
    for name in ("first", "second"):
        silent = np.zeros(16000, np.float32)
        loud = np.sin(np.arange(16000) / 4).astype(np.float32) / 2
        soundfile.write(tmp_path / name, np.concatenate([silent, loud]), 16000, format="OGG", subtype=kind)
    path = tmp_path / "both.ogg"
    path.write_bytes((tmp_path / "first").read_bytes() + (tmp_path / "second").read_bytes())
    whole = read_audio(path)
    assert whole.seconds == pytest.approx(4, abs=0.05)
    level = [np.abs(part).mean() > 0.1 for part in np.array_split(whole.samples_CT[0], 4)]
    assert level == [False, True, False, True]
    part = read_audio(path, start=2.5, seconds=1.0)
    first = int(2.5 * whole.rate)
    np.testing.assert_allclose(part.samples_CT, whole.samples_CT[:, first : first + whole.rate], atol=1e-3)
