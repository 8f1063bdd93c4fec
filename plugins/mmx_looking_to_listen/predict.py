"""Separation of a user's own video: in overlapping windows, so that its length does not matter.

Only one window of frames is in memory at a time; what grows with the video is one waveform per voice.

Shape legend: N voices, T samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from mmx import Audio, Clip, DataError, Prediction, Sample, Video, read_audio, read_video, video_seconds
from mmx_looking_to_listen.evaluation.separation import Ports, waveforms
from mmx_looking_to_listen.model.front import front_of
from mmx_std import face_boxes, face_tracks

if TYPE_CHECKING:
    from mmx import Model

FPS: Final = 25.0
LEVEL: Final = 0.1
"""RMS of the mixtures of `worlds/mixtures`, which the network was trained on."""
SILENT: Final = 1e-4
"""RMS below which a recording counts as silent."""
_PROBE: Final = 5.0
"""Seconds that are read to check for audio, before anything else is done."""
Piece = tuple[float, Audio, Sequence[Video]]
"""Start of a window in seconds, its audio and its faces."""


def inputs(path: Path, boxes: Path | None, faces: int | None) -> Mapping[str, Any]:
    """Return what `separate` takes for a video: its path, the tracks of its faces, and notes about them.

    Args:
        path: The video.
        boxes: JSON file with face boxes; None uses the detector, where its weights are.
        faces: Faces of the model, None for a model without faces.

    Raises:
        DataError: No audio, no boxes and no detector, no faces, more boxes than the model has faces,
            or boxes outside the frames.
    """
    read_audio(path, seconds=_PROBE)
    if faces is None:
        return {"path": path, "tracks": ()}
    if boxes is None:
        tracks, notes = face_tracks.followed(path, faces)
        return {"path": path, "tracks": tracks, "notes": notes}
    tracks = face_boxes.read_boxes(boxes)
    if len(tracks) > faces:
        raise DataError(
            f"{boxes}: {len(tracks)} faces, but the model separates {faces}: leave some out, or train one for "
            "as many (mmx run looking_to_listen --preset three-speakers)"
        )
    face_boxes.check_inside(boxes, tracks, *face_tracks.size_of(path))
    return {"path": path, "tracks": tracks}


def separate(model: Model, ports: Ports, window: float, raw: Mapping[str, Any]) -> Prediction:
    """Separate a video, or audio with faces.

    Args:
        model: The model, in evaluation mode.
        ports: Names of the parts.
        window: Seconds that are separated at once; neighbours overlap by half.
        raw: What `inputs` returned, or `audio` (Audio) and `faces` (videos).

    Raises:
        DataError: The video has no audio or no frames, or more faces than the model.
    """
    front = front_of(model, ports.audio)
    if "path" in raw:
        tracks: Sequence[face_boxes.Track] = raw["tracks"]
        length = video_seconds(raw["path"])
        pieces = video_pieces(raw["path"], tracks, length, window)
        names = [track.name for track in tracks]
    else:
        audio, faces = raw["audio"], raw.get("faces") or ()
        videos = [faces] if isinstance(faces, Video) else list(faces)
        length = audio.seconds
        pieces = raw_pieces(audio, videos, window)
        names = [f"voice_{number}" for number in range(1, len(videos) + 1)]
    voices_NT, mixture_T = _joined(model, ports, pieces, length, window)
    names += [f"voice_{number}" for number in range(len(names) + 1, len(voices_NT) + 1)]
    rows = [
        {
            "voice": name,
            "seconds": round(length, 2),
            "level_db": round(_decibels(voice_T), 1),
            "share_of_mixture": round(float((voice_T**2).sum() / max(float((mixture_T**2).sum()), 1e-12)), 3),
        }
        for name, voice_T in zip(names, voices_NT, strict=True)
    ]
    clips = [
        Clip(name, Audio(voice_T[None], front.rate), f"the voice of {name}")
        for name, voice_T in zip(names, voices_NT, strict=True)
    ]
    notes = [*raw.get("notes", ()), *_absences(raw.get("tracks", ()), length)]
    if not mixture_T.any():
        notes.append("The audio is silent, and so are the voices.")
    notes.append("The model was trained on drawn faces and synthetic voices unless you trained it on others.")
    return Prediction(rows=rows, clips=clips, notes=notes)


def _absences(tracks: Sequence[face_boxes.Track], length: float) -> list[str]:
    """Return a note for every face that is absent for more than a second."""
    times = np.arange(0.0, length, 0.1)
    away = {track.name: 0.1 * sum(track.at(float(seconds)) is None for seconds in times) for track in tracks}
    return [
        f"{name} is not visible for {seconds:.1f} of {length:.1f} s: the voices of that time may go to any output."
        for name, seconds in away.items()
        if seconds > 1.0
    ]


def video_pieces(path: Path, tracks: Sequence[face_boxes.Track], length: float, window: float) -> Iterator[Piece]:
    """Yield the windows of a video: audio, and one cropped video per face, both exactly as long as the window.

    Audio and frames of a video seldom end together: where one goes on alone, the other is silent or holds its frame.
    """
    rate = 0
    for start in starts(length, window):
        seconds = min(window, length - start)
        try:
            audio = read_audio(path, start=start, seconds=seconds)
            rate = audio.rate
        except DataError:
            if not rate:
                raise
            audio = Audio(np.zeros((1, 1), np.float32), rate)
        yield start, _filled(audio, seconds), _faces(path, tracks, start, seconds)


def _faces(path: Path, tracks: Sequence[face_boxes.Track], start: float, seconds: float) -> list[Video]:
    if not tracks:
        return []
    try:
        video = read_video(path, fps=FPS, start=start, seconds=seconds)
    except DataError:
        if not start:
            raise
        video = Video(np.zeros((1, 1, 1, 3), np.uint8), FPS)
    return [_lasting(face_boxes.crops(video, track, start), seconds) for track in tracks]


def raw_pieces(audio: Audio, faces: Sequence[Video], window: float) -> Iterator[Piece]:
    """Yield the windows of audio and faces in memory; faces that end before the audio are black."""
    for start in starts(audio.seconds, window):
        seconds = min(window, audio.seconds - start)
        first, last = round(start * audio.rate), round((start + seconds) * audio.rate)
        videos = [_lasting(Video(video.frames_THWC[round(start * video.fps) :], video.fps), seconds) for video in faces]
        yield start, Audio(audio.samples_CT[:, first:last], audio.rate), videos


def _filled(audio: Audio, seconds: float) -> Audio:
    """Return audio of exactly `seconds`: the network stretches faces over all of it."""
    samples = max(1, round(seconds * audio.rate))
    missing = max(0, samples - audio.samples_CT.shape[1])
    return Audio(np.pad(audio.samples_CT, ((0, 0), (0, missing)))[:, :samples], audio.rate)


def _lasting(video: Video, seconds: float) -> Video:
    """Return a video of exactly `seconds`; black where it has no frames."""
    frames = max(1, round(seconds * video.fps))
    missing = max(0, frames - len(video.frames_THWC))
    return Video(np.pad(video.frames_THWC[:frames], ((0, missing), (0, 0), (0, 0), (0, 0))), video.fps)


def starts(length: float, window: float) -> Sequence[float]:
    """Return where windows begin: every half window; the last one ends at the end."""
    if length <= window:
        return [0.0]
    found = [*np.arange(0.0, length - window, window / 2).tolist(), length - window]
    return [float(start) for start in found]


@torch.inference_mode()
def _joined(
    model: Model, ports: Ports, pieces: Iterator[Piece], length: float, window: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return voices (N, T) and the mixture (T,): windows laid over each other with soft edges."""
    front = front_of(model, ports.audio)
    total = round(length * front.rate)
    voices_NT: np.ndarray | None = None
    mixture_T, weight_T = np.zeros(total, np.float32), np.full(total, 1e-6, np.float32)
    for start, audio, faces in pieces:
        window_T, guess_NT = _one(model, ports, audio, faces)
        if voices_NT is None:
            voices_NT = np.zeros((len(guess_NT), total), np.float32)
        first = min(round(start * front.rate), total)
        count = min(len(window_T), total - first)
        soft_T = _soft(count, at_start=first == 0, at_end=first + count >= total - front.hop)
        voices_NT[:, first : first + count] += soft_T * guess_NT[:, :count]
        mixture_T[first : first + count] += soft_T * window_T[:count]
        weight_T[first : first + count] += soft_T
    if voices_NT is None:
        raise DataError("there is nothing to separate: no audio")
    return voices_NT / weight_T, mixture_T / weight_T


def _one(model: Model, ports: Ports, audio: Audio, faces: Sequence[Video]) -> tuple[np.ndarray, np.ndarray]:
    """Separate one window: the mixture (T,) and voices (N, T) at its own level."""
    front = front_of(model, ports.audio)
    left = Audio(audio.samples_CT[:1], audio.rate)
    if left.samples_CT.shape[1] < 2 * front.window * audio.rate / front.rate:
        missing = int(2 * front.window * audio.rate / front.rate) - left.samples_CT.shape[1] + 1
        left = Audio(np.pad(left.samples_CT, ((0, 0), (0, missing))), audio.rate)
    level = float(np.sqrt(np.mean(left.samples_CT**2)))
    factor = LEVEL / level if level > SILENT else 1.0
    fields: dict[str, Any] = {model.fields[ports.audio]: Audio(left.samples_CT * np.float32(factor), left.rate)}
    needed = [ports.audio]
    if ports.faces is not None:
        fields[model.fields[ports.faces]] = tuple(faces)
        needed.append(ports.faces)
    batch = model.prepare([Sample("window", fields)], needed).to(model.device)
    predicted = model(batch, [f"heads.{ports.head}"]).heads[ports.head]
    mixture_T = batch.inputs[ports.audio][0]
    guess_NT = waveforms(front, predicted["spectra"], len(mixture_T))[0]
    return mixture_T.cpu().numpy() / factor, guess_NT.cpu().numpy() / factor


def _soft(count: int, *, at_start: bool, at_end: bool) -> np.ndarray:
    """Return a triangle (count,) that stays 1 towards an end of the video."""
    ramp_T = 1.0 - np.abs(np.linspace(-1, 1, max(count, 1), dtype=np.float32))[:count]
    half = count // 2
    if at_start:
        ramp_T[:half] = 1.0
    if at_end:
        ramp_T[half:] = 1.0
    return np.maximum(ramp_T, 1e-3)


def _decibels(samples_T: np.ndarray) -> float:
    return float(20 * np.log10(max(float(np.sqrt(np.mean(samples_T**2))), 1e-6)))
