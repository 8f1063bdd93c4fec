"""Evaluation of moment retrieval: the video, and the moment in it, that a sentence describes (section 5).

VR ranks the videos of a split for each query; SVMR retrieves the moment within the query's own video; VCMR
retrieves the moment among all videos. Shapes: M videos, N queries, T frames, W width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from mmx import Corpus, DataError, Metric, PaperValue, Prediction, Report, Sample, measure
from mmx_hero.evaluation import annotators, bayes, figures, simple
from mmx_hero.evaluation.reading import ABLATIONS, CHANGES, Names, Read, frames_of, fuser_of, read
from mmx_hero.model import rows
from mmx_hero.model.localiser import Localiser
from mmx_hero.predict import answer
from mmx_std import baselines, judging, metrics, ranking, splits
from mmx_std import spans as timed

if TYPE_CHECKING:
    from mmx import Model, Run

KS: Final = (1, 5, 10, 100)
PRIMARY: Final = "vcmr_r1_iou0.7"
_COUNTED: Final = 2000
"""Training samples over which the span prior counts moments."""
_SHOWN: Final = 6
PAPER: Final = {
    PRIMARY: PaperValue(0.0513, "TVR val, pre-trained on TV and HowTo100M; R@10 16.26, R@100 24.55 %"),
    "vcmr_r10_iou0.7": PaperValue(0.1626, "TVR val, pre-trained on TV and HowTo100M"),
    "vcmr_r100_iou0.7": PaperValue(0.2455, "TVR val, pre-trained on TV and HowTo100M"),
}


class Moments:
    """Evaluate retrieval of videos and moments by sentences.

    Chance is random moments. Controls are the trained model without subtitles, with the subtitles' times exchanged, and
    with frames out of order; without frames is a reference. Baselines are word matching with idf on the subtitles,
    naive Bayes on words and frames (where the encoder of frames is frozen), and, within a video, the most frequent
    moment of training and the middle of the video. Intervals are over videos. With
    the target `events` the ceiling is computed: a query that describes several moments of the split equally well can be
    answered right only by chance.

    Args:
        localiser: Head that predicts start and end.
        clips: Contextual frames.
        query: Queries.
        frames: Encoder of the frames.
        subtitles: Encoder of the subtitles.
        queries: Encoder of the queries.
        events: Target with the true events, for the ceiling; null where the corpus has none.
        period: Seconds per frame.
        shortest: Fewest frames of a moment.
        longest: Most frames of a moment.
        videos: Videos with the best scores that are searched for moments.
        overlap: Largest IoU with a better moment (non-maximum suppression); 1 keeps all.
        agree: Annotators who must agree on a moment (DiDeMo: 2); a text that occurs several times in a video is
            then one query with the times of all. 1: each is a query of its own.
        margin: What the intervals of the distances to chance, the untrained model and controls must lie above.
    """

    def __init__(
        self,
        localiser: str = "localiser",
        *,
        clips: str = "clips",
        query: str = "query",
        frames: str = "frames",
        subtitles: str = "subtitles",
        queries: str = "queries",
        events: str | None = None,
        period: Annotated[float, Field(gt=0)] = 1.5,
        shortest: Annotated[int, Field(ge=1)] = 2,
        longest: Annotated[int, Field(ge=1)] = 16,
        videos: Annotated[int, Field(ge=1)] = 100,
        overlap: Annotated[float, Field(ge=0, le=1)] = 0.5,
        agree: Annotated[int, Field(ge=1)] = 1,
        margin: Annotated[float, Field(ge=0)] = 0.0,
    ) -> None:
        self.localiser, self.events, self.margin = localiser, events, margin
        self.names = Names(clips, query, frames, subtitles, queries)
        self.rules = timed.Rules(period, shortest, longest, videos, overlap=overlap, agree=agree)
        self.needs = (
            f"fused.{clips}",
            f"fused.{query}",
            f"heads.{localiser}",
            *([f"targets.{events}"] if events else []),
        )

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Evaluate the model on the run's split.

        Raises:
            DataError: No sample can be read, or none has a query.
        """
        samples = list(corpus.split(run.split))
        untrained = run.untrained()
        every = read(model.eval(), untrained.eval(), samples, self.names, run, CHANGES)
        found, first = annotators.gather(every, self.rules.agree)
        known = judging.judged(samples, found.ids)
        ranks = {
            name: self._ranks(
                model if name != "untrained" else untrained, found, name, lists=name in ("own", "untrained")
            )
            for name in found.videos
        }
        prior = self._prior(corpus, found, model)
        written = self._texts(known, model)
        texts = [written[index] for index in first]
        plain = self._simple(corpus, found, known, texts, model, run)
        metrics = list(self._metrics({**ranks, **plain}, list(plain), prior, found, known, run.seed))
        metrics.sort(key=lambda metric: metric.name != PRIMARY)
        own = ranks["own"]
        return Report(
            metrics=metrics,
            used=len(found.ids),
            expected=len(samples),
            predictions=list(self._rows(own, found, texts)),
            figures=figures.report(self, known, own, found, texts, model),
            notes=[*self._notes(found, known, model), *judging.left_out(corpus)],
            left_out=self._cut(known, model),
            margin=self.margin,
        )

    def read(self, model: Model, path: Path, extras: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the input of `predict`: the folder and `query`.

        Raises:
            DataError: It is not a folder, or there is no query.
        """
        text = extras.get("query")
        if text is not None and not path.exists():
            raise DataError(f"{path}: no such folder; give the folder of videos and subtitles: --in FOLDER")
        if text is None or not path.is_dir():
            raise DataError(
                f"{path}: this model retrieves moments from a folder of videos: "
                'mmx predict RUN --query "TEXT" --in FOLDER'
            )
        return {"query": str(text), "folder": path}

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Return the moments of a folder's videos that a sentence describes, best first, and a page with their frames.

        Args:
            model: In evaluation mode.
            raw: `query` (a text) and `folder`; see `read`.

        Raises:
            DataError: An empty text, or a folder without videos that can be read.
        """
        query = str(raw.get("query", "")).strip()
        if not query:
            raise DataError("an empty text describes no moment; write at least one word")
        return answer(model.eval(), query, Path(raw.get("folder") or "."), self.names, self.localiser, self.rules)

    def _ranks(self, model: Model, found: Read, variant: str, *, lists: bool) -> timed.Ranks:
        """Rank videos and moments for every query, chunk by chunk.

        Args:
            model: The model whose localiser scores.
            found: The encoded split.
            variant: Name of the variant.
            lists: Rank whole lists of moments; else only the best moment is searched, and others have no rank.
        """
        head = localiser_of(model, self.localiser)
        videos, query_NW = found.videos[variant], found.queries["untrained" if variant == "untrained" else "own"]
        clips_MTW, mask_MT = videos.clips_MTW.to(model.device), videos.mask_MT.to(model.device)
        lengths_M = mask_MT.sum(1) * self.rules.period
        vr: list[float] = []
        svmr, vcmr = {t: [] for t in timed.THRESHOLDS}, {t: [] for t in timed.THRESHOLDS}  # type: ignore[var-annotated]
        kept: list[timed.Found] = []
        for first in range(0, len(query_NW), 64):
            part_NW = query_NW[first : first + 64].to(model.device)
            with torch.inference_mode():
                cosine_NM = ranking.similarity(part_NW, clips_MTW, mask_MT)
                start_NMT, end_NMT = head.across(part_NW, clips_MTW, mask_MT)
                owner_N = torch.as_tensor(found.owner_N[first : first + len(part_NW)], device=model.device)
                own = _own(owner_N, cosine_NM, start_NMT, end_NMT)
                tables = (cosine_NM, start_NMT, end_NMT)
                if lists:
                    every = [timed.search(c, s, e, lengths_M, self.rules) for c, s, e in zip(*tables, strict=True)]
                    lengths_N1 = lengths_M[owner_N][:, None]
                    mine = [timed.search(c, s, e, n, self.rules) for c, s, e, n in zip(*own, lengths_N1, strict=True)]
                else:
                    every = timed.best(*tables, lengths_M, self.rules)
                    mine = timed.best(*own, lengths_M.max()[None], self.rules)
            own_NM = owner_N[:, None] == torch.arange(cosine_NM.shape[1], device=model.device)
            vr += metrics.first_ranks(cosine_NM.cpu().numpy(), own_NM.cpu().numpy()).tolist()
            for row, index in enumerate(range(first, first + len(part_NW))):
                video, times_A2 = int(found.owner_N[index]), found.times[index]
                for threshold in timed.THRESHOLDS:
                    svmr[threshold].append(timed.first_hit(mine[row], 0, times_A2, threshold, self.rules.agree))
                    vcmr[threshold].append(timed.first_hit(every[row], video, times_A2, threshold, self.rules.agree))
            kept += every if variant == "own" else []
        return timed.Ranks(
            np.array(vr), {t: np.array(v) for t, v in svmr.items()}, {t: np.array(v) for t, v in vcmr.items()}, kept
        )

    def _cut(self, known: Sequence[Sample], model: Model) -> list[str]:
        """Return a note on the queries beyond `lines`, which are not judged."""
        field, most = model.fields[self.names.queries], int(getattr(model.encoders[self.names.queries], "lines", 0))
        counts = [len(sample.fields.get(field) or ()) for sample in known]
        if not most or max(counts, default=0) <= most:
            return []
        judged = sum(min(count, most) for count in counts)
        return [
            f"{judged} of {sum(counts)} queries are judged: encoders.{self.names.queries}.lines={most} leaves out "
            f"those beyond it; the longest list has {max(counts)}."
        ]

    def _prior(self, corpus: Corpus, found: Read, model: Model) -> Mapping[str, Mapping[float, timed.Places]]:
        """Return the ranks of two answers that ignore the video: the most frequent moment of training, and the middle.

        Data without moments to train on has the middle only.
        """
        field = model.fields[self.names.queries]
        spans: list[tuple[float, float]] = []
        for sample in islice(judging.training(corpus), _COUNTED):
            spans += [(cue.start, cue.end) for cue in sample.fields.get(field) or ()]
        frames_M = found.videos["own"].mask_MT.sum(1).numpy()
        typical = np.median([end - start for start, end in spans]) if spans else 2 * self.rules.period
        guesses: dict[str, list[timed.Found]] = {"most_frequent_moment": [], "middle": []} if spans else {"middle": []}
        for owner in found.owner_N:
            length = float(frames_M[owner]) * self.rules.period
            half = min(typical, length) / 2
            answers = {"middle": np.array([length / 2 - half, length / 2 + half])}
            if spans:
                answers["most_frequent_moment"] = timed.usual_span(spans, int(frames_M[owner]), self.rules.period)
            for name, span in answers.items():
                guesses[name].append(timed.Found(np.zeros(1, np.int64), span[None], np.ones(1)))
        times = found.times
        return {
            name: {
                t: np.array([timed.first_hit(one, 0, times[i], t, self.rules.agree) for i, one in enumerate(made)])
                for t in timed.THRESHOLDS
            }
            for name, made in guesses.items()
        }

    def _simple(
        self, corpus: Corpus, found: Read, known: Sequence[Sample], texts: Sequence[str], model: Model, run: Run
    ) -> dict[str, timed.Ranks]:
        """Return the ranks of what simple methods answer."""
        spoken, asked = (model.fields[name] for name in (self.names.subtitles, self.names.queries))
        train = baselines.learnable(corpus, _COUNTED)
        cues = [(sample.fields.get(spoken) or (), sample.fields.get(asked) or ()) for sample in train]
        judged = [sample.fields.get(spoken) or () for sample in known]
        told = np.flatnonzero([all(each) for each in cues])
        rows_K = told[baselines.evenly(len(told), bayes.EPISODES)].tolist()
        seen = frames_of(model, [*(train[row] for row in rows_K), *known], run) if rows_K else {}
        there = [(row, seen[train[row].id]) for row in rows_K if train[row].id in seen]
        learnt = [bayes.Episode(cues[row][0], cues[row][1], frames_TD) for row, frames_TD in there]
        whole = known if all(each.id in seen for each in known) else ()
        shown = [bayes.Episode(said, (), seen[each.id]) for said, each in zip(judged, whole, strict=False)]
        answers = {
            **simple.match(cues, texts, judged),
            **bayes.match(learnt, texts, shown, self.rules.period, run.seed),
        }
        return simple.ranks(answers, found.owner_N, found.times, self.rules, run.seed)

    def _metrics(
        self,
        ranks: Mapping[str, timed.Ranks],
        plain: Sequence[str],
        prior: Any,
        found: Read,
        known: Sequence[Sample],
        seed: int,
    ) -> Iterator[Metric]:
        ceiling_N = self._ceiling(found, known)
        tables = {name: dict(each.columns()) for name, each in ranks.items()}
        group = splits.group_of(known)
        units = [str(known[int(owner)].targets.get(group, found.ids[int(owner)])) for owner in found.owner_N]
        for name in tables["own"]:
            threshold = float(name.partition("iou")[2] or 0)
            for k in KS:
                hits = {who: (columns[name] <= k).astype(float) for who, columns in tables.items()}
                beside = {who: hits[who] for who in plain if k == 1}
                if name.startswith("svmr") and k == 1:
                    beside |= {who: (each[threshold] <= k).astype(float) for who, each in prior.items()}
                references: dict[str, Any] = {who: hits[who] for who in ABLATIONS if k == 1}
                if ceiling_N is not None and not name.startswith("svmr"):
                    references["ceiling"] = np.minimum(1.0, k / ceiling_N)
                yield measure(
                    name.format(k),
                    hits["own"],
                    units=units,
                    unit=f"values of {group}" if group else "videos",
                    chance=self._chance(name, k, threshold, found),
                    untrained=hits["untrained"],
                    baselines=beside,
                    controls={who: hits[who] for who in CHANGES if k == 1 and who not in ABLATIONS},
                    references=references,
                    paper=PAPER.get(name.format(k)),
                    seed=seed,
                )

    def _chance(self, name: str, k: int, threshold: float, found: Read) -> float:
        """Return the recall of k answers drawn at random, with replacement."""
        videos = len(found.ids)
        if name.startswith("vr"):
            return min(1.0, k / videos)
        frames_M = found.videos["own"].mask_MT.sum(1).numpy()
        rate_N = np.array(
            [
                timed.guess_rate(times_A2, int(frames_M[owner]), threshold, self.rules)
                for times_A2, owner in zip(found.times, found.owner_N, strict=True)
            ]
        )
        each_N = rate_N if name.startswith("svmr") else rate_N / videos
        return float((1 - (1 - each_N) ** k).mean())

    def _ceiling(self, found: Read, known: Sequence[Sample]) -> timed.Places | None:
        """Return the number of moments of the split that each query describes equally well, its own included."""
        if self.events is None:
            return None
        facts = [sample.targets.get(self.events) for sample in known]
        if any(fact is None for fact in facts):
            return None
        counts: dict[tuple[str, str], int] = {}
        for events in facts:
            for event in events or ():
                key = (event["name"], event["thing"])
                counts[key] = counts.get(key, 0) + 1
        fitting = []
        for row, owner in zip(found.query_rows_NR.numpy(), found.owner_N, strict=True):
            events = facts[int(owner)] or []
            event = min(events, key=lambda e: abs(e["start"] - row[rows.START]) + abs(e["end"] - row[rows.END]))
            fitting.append(counts[event["name"], event["thing"]])
        return np.array(fitting, dtype=float)

    def _texts(self, known: Sequence[Sample], model: Model) -> list[str]:
        """Return the queries as they were written."""
        field, encoder = model.fields[self.names.queries], model.encoders[self.names.queries]
        most = int(getattr(encoder, "lines", 1))
        written = [[cue.text for cue in (sample.fields.get(field) or ())[:most]] for sample in known]
        return [text for texts in written for text in texts]

    def _rows(self, ranks: timed.Ranks, found: Read, texts: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        for index, (owner, moments) in enumerate(zip(found.owner_N, ranks.found, strict=True)):
            row = found.query_rows_NR[index]
            first = (int(moments.videos_P[0]), moments.spans_P2[0]) if len(moments.videos_P) else None
            yield {
                "id": f"{found.ids[int(owner)]}#{index - int(np.searchsorted(found.owner_N, owner))}",
                "query": texts[index],
                "start": round(float(row[rows.START]), 2),
                "end": round(float(row[rows.END]), 2),
                "found_in": found.ids[first[0]] if first else "",
                "found_start": round(float(first[1][0]), 2) if first else "",
                "found_end": round(float(first[1][1]), 2) if first else "",
                "video_rank": ranks.vr[index],
                "moment_rank": place if np.isfinite(place := ranks.vcmr[0.7][index]) else "none",
            }

    def _notes(self, found: Read, known: Sequence[Sample], model: Model) -> list[str]:
        fuser = fuser_of(model)
        notes = [
            f"{len(found.owner_N)} queries retrieve moments from {len(found.ids)} videos.",
            "no_subtitles and no_video remove an input of a model that was trained with both; presets no-subtitles, "
            "no-video and flat are trained without it.",
            "words_in_subtitles: videos by the best of their subtitles, by the idf of the words that it shares with "
            "the query; the moment is its span. words_in_subtitles_moved: that span moved as training queries ask. "
            f"{bayes.NAME}: by what the query's words make likely in subtitles and frames ({bayes.EPISODES} videos).",
        ]
        if (ceiling := self._ceiling(found, known)) is not None:
            notes.append(
                f"{ceiling.mean():.2f} moments fit a query on average, so that recall at rank 1 cannot exceed "
                f"{np.minimum(1, 1 / ceiling).mean():.1%} (ceiling)."
            )
        if fuser.uses != "both" or fuser.flat:
            notes.append(f"This model is a control: uses={fuser.uses}, hierarchy={'flat' if fuser.flat else 'on'}.")
        return notes


def localiser_of(model: Model, name: str) -> Localiser:
    """Return the localiser.

    Raises:
        DataError: It is another kind of head.
    """
    head = model.heads[name]
    if not isinstance(head, Localiser):
        raise DataError(f"heads.{name} is not a hero/localiser")
    return head


def _own(owner_N: Tensor, cosine_NM: Tensor, start_NMT: Tensor, end_NMT: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the scores of each query's own video: (N, 1), (N, 1, T), (N, 1, T)."""
    at_N1 = owner_N[:, None]
    at_N1T = at_N1[..., None].expand(-1, -1, start_NMT.shape[-1])
    return cosine_NM.gather(1, at_N1), start_NMT.gather(1, at_N1T), end_NMT.gather(1, at_N1T)
