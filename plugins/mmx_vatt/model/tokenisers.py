"""VATT's encoders: linear tokenisers of raw video, raw audio and words (section 3.1).

The transformer behind them is in the fuser (`mmx_vatt.model.fusion`), because the modality-agnostic model
shares one among all three. DropToken is a mask over the tokens that is the same for all items; the objective's view
draws it once per batch. Positions stay those of the whole clip.

Shapes: B batch, T tokens, V values per patch, D width, P texts per clip, L words per text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from mmx import ConfigError, Corpus, DataError, Features, Video
from mmx_std import augment as augmentation
from mmx_std import frontends, masking, patches, pixels, tokenizers, waveforms
from mmx_std import positions as places

Patches = Callable[[Any], Tensor]
"""Places (a slice or an index) -> their patches (B, T, V)."""
Count = Annotated[int, Field(ge=1)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Version = Literal["paper", "code"]


class VideoTokens(nn.Module):
    """Clips of raw pixels in patches of time, height and width, each through one linear layer.

    Takes a `Video` of any rate and size (the middle square is taken), or an image, which becomes a still video. Full
    size by default: 32 frames at 10 per second of 224 pixels in patches of 4 x 16 x 16 are 1,568 tokens.

    Args:
        width: D.
        frames: Frames per clip, from its beginning on.
        side: Height and width in pixels.
        fps: Frames per second that are looked at.
        patch: Frames, rows and columns of a patch.
        positions: `separable` tables of time, height and width, or one `joint` table.
        augment: In training, a random region, mirrored or not, with other colours (section 4.1.1).
        version: `paper`; `code` adds a dense layer with GELU after the patches and normalises positions.
        dropout: Of tokens' values, in training (paper: none stated; code: 0.1).
        weights: None, or a converted public checkpoint (`mmx_vatt.weights`).

    Raises:
        ConfigError: The patch does not divide the clip.
        AssetError: The weights cannot be read, or do not fit.
    """

    modality = "video"

    def __init__(
        self,
        width: Count = 768,
        *,
        frames: Count = 32,
        side: Count = 224,
        fps: Annotated[float, Field(gt=0)] = 10.0,
        patch: tuple[Count, Count, Count] = (4, 16, 16),
        positions: Literal["separable", "joint"] = "separable",
        augment: bool = False,
        version: Version = "paper",
        dropout: Dropout = 0.0,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        self.grid = patches.Grid(frames, side, (patch[0], patch[1], patch[2]))
        self.fps, self.augment = fps, augment
        self.embed = Embedding(self.grid.values, width, self.grid.shape, positions, version, dropout)
        self.out_dim = width
        _load(self, weights, "video")

    def prepare(self, raw: Any) -> Tensor:
        """Turn one `Video`, or one image (uint8, height x width x 3), into patches, uint8 (T, V)."""
        video = raw if isinstance(raw, Video) else Video(np.asarray(raw)[None], self.fps)
        count = len(video.frames_THWC)
        if count == 0 or video.frames_THWC.ndim != 4:
            raise DataError("a video of no frames cannot be encoded")
        chosen = patches.moments(count, video.fps, self.grid.frames, self.fps)
        return self.grid.cut(self._squares(video.frames_THWC, chosen)[None])[0]

    def _squares(self, frames_THWC: np.ndarray, chosen: np.ndarray) -> Tensor:
        """Return the middle squares of some frames at the size that is wanted: uint8 (F, H, W, 3)."""
        height, width = frames_THWC.shape[1:3]
        side = self.grid.side
        if min(height, width) == side and frames_THWC.dtype == np.uint8:  # nothing to scale: one copy of all frames
            top, left = (height - side) // 2, (width - side) // 2
            return torch.from_numpy(frames_THWC[chosen, top : top + side, left : left + side])
        squares = {int(index): pixels.square_CHW(frames_THWC[index], side) for index in np.unique(chosen)}
        return torch.stack([squares[int(index)] for index in chosen]).permute(0, 2, 3, 1)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode patches (B, T, V)."""
        if self.augment and self.training:
            x = self.grid.cut(augmentation.augmented(self.grid.join(x.float() / 255)))
            return self._embedded(lambda chosen: x[:, chosen] * 2 - 1, mask_BT)
        return self._embedded(lambda chosen: x[:, chosen].float() / 127.5 - 1, mask_BT)

    def _embedded(self, patches: Patches, mask_BT: Tensor | None) -> Features:
        features: Features = self.embed(patches, mask_BT)
        return features


class AudioTokens(nn.Module):
    """Audio in patches of its waveform, each through one linear layer; or patches of a log-mel spectrogram.

    Full size by default: 3.2 s at 48 kHz in patches of 128 samples are 1,200 tokens.

    Args:
        width: D.
        rate: Samples per second that it reads; audio of another rate is resampled.
        seconds: Length that it reads, from the beginning on: cut, or filled with silence.
        patch: Samples of a patch of the waveform.
        input: `waveform`, or `mel`: 80 bands of 42 ms every 21 ms in patches of 16 bands x 5 frames (section 4.3.2).
        noise: In training, uniform noise up to this is added to the samples (the released code: 0.01).
        version: `paper`; `code` adds a dense layer with GELU after the patches and normalises positions.
        dropout: Of tokens' values, in training (paper: none stated; code: 0.1).
        weights: None, or a converted public checkpoint (`mmx_vatt.weights`).

    Raises:
        ConfigError: The audio has less than one patch, or the patch does not divide it.
        AssetError: The weights cannot be read, or do not fit.
    """

    modality = "audio"

    def __init__(
        self,
        width: Count = 768,
        *,
        rate: Count = 48_000,
        seconds: Annotated[float, Field(gt=0)] = 3.2,
        patch: Count = 128,
        input: Literal["waveform", "mel"] = "waveform",
        noise: Annotated[float, Field(ge=0, le=1)] = 0.0,
        version: Version = "paper",
        dropout: Dropout = 0.0,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        self.intake, self.patch, self.noise = waveforms.Intake(rate, seconds), patch, noise
        samples = round(seconds * rate)
        self.mel = frontends.Mel(rate, bands=80, window=42.0, hop=21.0) if input == "mel" else None
        shape: tuple[int, ...] = (samples // patch,)
        if self.mel is not None:
            shape, values = ((1 + samples // self.mel.hop) // 5, 5), 80
        elif samples % patch or not samples:
            raise ConfigError([f"patch: {patch} does not divide {samples} samples ({seconds:g} s at {rate} Hz)"])
        else:
            values = patch
        if min(shape) < 1:
            raise ConfigError([f"seconds: {seconds:g} s are less than one patch of the spectrogram"])
        self.shape = shape
        self.embed = Embedding(values, width, shape, "separable", version, dropout)
        self.out_dim = width
        _load(self, weights, "audio")

    def prepare(self, raw: Any) -> Tensor:
        """Turn one `Audio` into patches, float32 (T, V)."""
        samples_S = self.intake(raw)
        if self.mel is None:
            return samples_S.reshape(-1, self.patch)
        with torch.no_grad():
            frames_FM = self.mel(samples_S[None]).tokens_BTD
        assert frames_FM is not None  # noqa: S101 (mel always gives frames)
        split = frames_FM[0, : 5 * self.shape[0]].reshape(self.shape[0], 5, 5, 16)
        patches_TV: Tensor = split.permute(0, 2, 1, 3).reshape(-1, 80)
        return patches_TV

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode patches (B, T, V)."""
        if self.noise and self.training:
            x = x + self.noise * torch.rand_like(x)
        features: Features = self.embed(lambda chosen: x[:, chosen], mask_BT)
        return features


class WordTokens(nn.Module):
    """The words of one text or of several neighbouring ones, as rows of a table.

    Takes a text; several texts, the one that belongs to the clip first; or texts with times (modality `cues`), of
    which those nearest to the middle of the clip are taken. They are the positives of MIL-NCE.

    Args:
        corpus: Its `train` split trains the tokenizer.
        texts: Field of the corpus that the tokenizer is trained on; None means all its text fields.
        width: D.
        reads: Modality of its field: `text`, or `cues` (texts with times).
        vocabulary: Rows of the table (the paper: 2^16).
        words: L: longest text; the rest is cut off.
        neighbours: P: most texts of a clip.
        seconds: Length of the clip, whose middle is what cues are near to.
        positions: `relative` leaves them to the transformer, `absolute` adds a learned table.
        vectors: Width of the table's rows, projected to D; None: D itself (the released code: 300).
        frozen: The table does not learn (the released code: word2vec).
        version: `paper`; `code` has a GELU after the projection.
        dropout: Of tokens' values, in training (paper: none stated; code: 0.1).
        weights: None, or a converted public checkpoint (`mmx_vatt.weights`).

    Raises:
        AssetError: The weights cannot be read, or do not fit.
    """

    def __init__(
        self,
        corpus: Corpus | None,
        texts: str | None = None,
        *,
        width: Count = 512,
        reads: Literal["text", "cues"] = "text",
        vocabulary: Count = 65_536,
        words: Count = 16,
        neighbours: Count = 5,
        seconds: Annotated[float, Field(gt=0)] = 3.2,
        positions: Literal["relative", "absolute"] = "relative",
        vectors: Annotated[int | None, Field(ge=1)] = None,
        frozen: bool = False,
        version: Version = "paper",
        dropout: Dropout = 0.0,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        self.modality = reads
        self.words, self.neighbours, self.seconds = words, neighbours, seconds
        self.tokenizer = tokenizers.corpus_tokenizer(
            corpus, texts, kind="word", vocabulary=vocabulary, lowercase=True, limit=words, specials=False
        )
        table_VD = 0.02 * torch.randn(vocabulary, vectors or width)
        self.table: Tensor
        if frozen:  # a buffer: whatever learns, this does not
            self.register_buffer("table", table_VD)
        else:
            self.table = nn.Parameter(table_VD)
        narrow = vectors or (width if version == "code" else None)
        self.project = nn.Linear(narrow, width) if narrow else nn.Identity()
        self.gelu = version == "code"
        self.positions = (
            places.Positions((words,), width, normalise=version == "code") if positions == "absolute" else None
        )
        self.dropout = dropout
        self.out_dim = width
        _load(self, weights, "text")

    def prepare(self, raw: Any) -> Tensor:
        """Turn one text, several, or cues into ids, int64 (P, L), [PAD] where there are fewer texts or words."""
        ids_PL = torch.full((self.neighbours, self.words), tokenizers.PAD)
        for row, text in enumerate(self._nearest(raw)[: self.neighbours]):
            ids_W = self.tokenizer.encode(text)
            ids_PL[row, : len(ids_W)] = ids_W
        return ids_PL

    def _nearest(self, raw: Any) -> list[str]:
        """Return the texts, the one that belongs to the clip first."""
        if isinstance(raw, str):
            return [raw]
        if not isinstance(raw, Sequence):
            raise DataError(f"a text encoder takes a text, texts, or cues, not {type(raw).__name__}")
        if all(isinstance(each, str) for each in raw):
            return list(raw)
        middle = self.seconds / 2
        return [cue.text for cue in sorted(raw, key=lambda cue: abs((cue.start + cue.end) / 2 - middle))]

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode ids (B, P, L). Layer `words` says which words are real (B, P, L)."""
        if not self.training and not torch.compiler.is_exporting():  # an exported model has one shape
            x = x[:, : max(1, int((x != tokenizers.PAD).any(2).any(0).sum()))]  # clips with fewer neighbours cost less
        real_BPL = x != tokenizers.PAD
        tokens_BPLD = self.project(F.embedding(x, self.table, tokenizers.PAD))
        if self.gelu:
            tokens_BPLD = F.gelu(tokens_BPLD)
        if self.positions is not None:
            tokens_BPLD = tokens_BPLD + self.positions()
        tokens_BPLD = F.dropout(tokens_BPLD, self.dropout, self.training)
        tokens_BTD, real_BT = tokens_BPLD.flatten(1, 2), real_BPL.flatten(1)
        tokens_BTD = masking.silence(tokens_BTD, real_BT)
        pooled_BD = masking.masked_mean(tokens_BTD[:, : self.words], real_BPL[:, 0])
        return Features(pooled_BD, tokens_BTD, real_BT, {"words": real_BPL})


class Embedding(nn.Module):
    """Patches through one linear layer, plus positions, without the tokens that are dropped.

    Args:
        values: V.
        width: D.
        shape: Patches along each axis.
        positions: Kind of positions.
        version: `code` adds a dense layer with GELU and normalises the positions.
        dropout: In training.
    """

    def __init__(
        self, values: int, width: int, shape: Sequence[int], positions: places.Kind, version: str, dropout: float
    ) -> None:
        super().__init__()
        self.linear = nn.Linear(values, width)
        self.dense = nn.Linear(width, width) if version == "code" else None
        self.positions = places.Positions(shape, width, positions, normalise=version == "code")
        self.dropout = dropout

    def forward(self, patches: Patches, mask_BT: Tensor | None) -> Features:
        """Return the tokens of the chosen patches.

        Args:
            patches: Gives the patches of the chosen places.
            mask_BT: True where a token is real. Places where no item has one are left out.
        """
        chosen: Any = slice(None)
        if mask_BT is not None and bool((mask_BT == mask_BT[:1]).all()) and bool(mask_BT[0].any()):
            chosen, mask_BT = mask_BT[0].nonzero().squeeze(1), None
        tokens_BTD = self.linear(patches(chosen))
        if self.dense is not None:
            tokens_BTD = F.gelu(self.dense(tokens_BTD))
        tokens_BTD = tokens_BTD + self.positions()[chosen]
        tokens_BTD = F.dropout(tokens_BTD, self.dropout, self.training)
        tokens_BTD = masking.silence(tokens_BTD, mask_BT)
        return Features(masking.masked_mean(tokens_BTD, mask_BT), tokens_BTD, mask_BT)


def _load(encoder: nn.Module, weights: str | None, name: str) -> None:
    if weights is not None:
        from mmx_vatt.weights import load

        load(encoder, weights, f"encoders.{name}")
