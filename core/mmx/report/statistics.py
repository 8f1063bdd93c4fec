"""Intervals over independent units, paired with every competitor, which decide the verdict.

Rows that come from one unit (queries of one video, files of one recording, mixtures of one speaker) are no independent
observations: units are drawn, or their sums compared, never rows. `benchmarks/intervals.py` measures what the intervals
cover and how often they err; docs/explanation/intervals.md has the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import scipy

from mmx.types import Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmx.types import PaperValue

    Floats = NDArray[np.float64]

LEAST_UNITS: Final = 10
"""Independent units below which there is no verdict: an interval of fewer does not cover what it says."""
DRAWS: Final = 2000
"""Draws of the bootstrap."""
_TAIL: Final = 0.025
_CHUNK: Final = 1_000_000
"""Numbers drawn at a time."""

Interval = tuple[float, float]
Statistic = Callable[[Any], float]


@dataclass(frozen=True, slots=True)
class _Units:
    """Rows by unit: the number of the unit of each row (N,), and the rows of each unit in one order."""

    index_N: NDArray[np.int64]
    rows: Sequence[NDArray[np.int64]]

    @property
    def count(self) -> int:
        return len(self.rows)


def measure(
    name: str,
    own: Any,
    *,
    units: Any,
    unit: str = "recordings",
    statistic: Statistic | None = None,
    better: Literal["higher", "lower"] = "higher",
    chance: Any = None,
    untrained: Any = None,
    baselines: Mapping[str, Any] | None = None,
    controls: Mapping[str, Any] | None = None,
    references: Mapping[str, Any] | None = None,
    paper: PaperValue | None = None,
    seed: int = 0,
) -> Metric:
    """Return a metric with its 95 % interval over units, and that of its distance to each competitor, paired by row.

    A competitor is given as one value per row, in the order of `own`. A plain number counts as known exactly: its gap
    is the interval of the model moved by it. Chance is always taken so.

    Args:
        name: Key of the metric.
        own: One value per row (N,), or several columns (N, ...); a row of NaN has no value and does not count.
        units: The independent unit of each row (N,): names or numbers.
        unit: What units are, in the plural, as the report names them.
        statistic: Called with rows; default: the mean over all that is not NaN, whose intervals are the best here.
        better: Which direction is better.
        chance: The chance level, or one per row.
        untrained: The same network before training.
        baselines: Simple method -> values.
        controls: Control -> values.
        references: Reference -> values or a number; never compared.
        paper: What the paper reports.
        seed: Same seed, same intervals.

    Raises:
        ValueError: Rows and units, or rows of a competitor, differ in number.
    """
    own_N = _rows(own, None, name)
    groups = _grouped(units, len(own_N))
    named = {"chance": chance, "untrained": untrained}
    named |= _labelled("baseline", baselines) | _labelled("control", controls)
    others = {label: _rows(each, len(own_N), f"{name}, {label}") for label, each in named.items() if each is not None}
    ci95, gaps = _intervals(own_N, others, groups, statistic, seed)
    return Metric(
        name,
        _summary(statistic, own_N),
        better=better,
        ci95=ci95,
        chance=_summary(statistic, others["chance"]) if "chance" in others else None,
        untrained=_summary(statistic, others["untrained"]) if "untrained" in others else None,
        baselines={key: _summary(statistic, others[f"baseline {key}"]) for key in baselines or {}},
        controls={key: _summary(statistic, others[f"control {key}"]) for key in controls or {}},
        references={key: _summary(statistic, _rows(each, None, key)) for key, each in (references or {}).items()},
        paper=paper,
        gaps=gaps if better == "higher" else {label: (-high, -low) for label, (low, high) in gaps.items()},
        units=len(_sums(own_N, groups)[0]),
        unit=unit,
    )


def _labelled(kind: str, values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {f"{kind} {name}": each for name, each in (values or {}).items()}


def _intervals(
    own: Floats, others: Mapping[str, Floats], units: _Units, statistic: Statistic | None, seed: int
) -> tuple[Interval | None, dict[str, Interval]]:
    """Return the interval of the model's value, and by label those of what it has more than each competitor."""
    ci95 = _interval(own, None, units, statistic, seed)
    if ci95 is None:
        return None, {}
    gaps: dict[str, Interval] = {}
    for label, other in others.items():
        if other.ndim == 0 or label == "chance":
            known = _summary(statistic, other)
            gaps[label] = (ci95[0] - known, ci95[1] - known)
        else:
            gaps[label] = _interval(own, other, units, statistic, seed) or (float("nan"), float("nan"))
    return ci95, gaps


def mean(rows: Any) -> float:
    """Return the mean of all that is not NaN; NaN of nothing."""
    values = np.asarray(rows, dtype=np.float64)
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if kept.size else float("nan")


def mean_interval(values: Any, units: Any, *, seed: int = 0) -> Interval | None:
    """Return the 95 % interval of a mean over units; None with fewer than two.

    Values of 0 and 1 (most of them; the rest in between) are shares: an exact interval (Clopper and Pearson) at the
    effective number of observations that the variance between units leaves (Korn and Graubard, 1998). Other values: the
    studentized bootstrap over units, which skewed values need.

    Args:
        values: One value per row (N,) or several columns (N, ...); NaN has no value.
        units: The unit of each row (N,).
        seed: Same seed, same interval.
    """
    rows = _rows(values, None, "values")
    return _interval(rows, None, _grouped(units, len(rows)), None, seed)


def gap_interval(own: Any, other: Any, units: Any, *, seed: int = 0) -> Interval | None:
    """Return the 95 % interval of the mean of `own - other`, paired by row, over units; None with fewer than two.

    Differences of values of 0 and 1: the interval of Bonett and Price (2012), Student's over units with one difference
    of 1 and one of -1 added, so that few disagreements are no certainty. Others: the studentized bootstrap.
    """
    rows = _rows(own, None, "own")
    return _interval(rows, _rows(other, len(rows), "other"), _grouped(units, len(rows)), None, seed)


def _interval(
    own: Floats, other: Floats | None, units: _Units, statistic: Statistic | None, seed: int
) -> Interval | None:
    if units.count < 2:
        return None
    if statistic is not None:
        return _resampled(own, other, units, statistic, seed)
    sides = [own] if other is None else [own, other]
    within = all(map(_is_within, sides))
    if within and any(map(_is_share, sides)):
        return _share(own, units) if other is None else _share_gap(own - sides[1], units)
    found = _studentized(*_sums(own if other is None else own - other, units), seed)
    if found is None or not within:
        return found
    # where nearly all units agree, draws without any spread leave an end open: the values' own limits close it
    return max(found[0], 0.0 if other is None else -1.0), min(found[1], 1.0)


def _share(rows: Floats, units: _Units) -> Interval | None:
    sum_U, count_U = _sums(rows, units)
    total = float(count_U.sum())
    if not total:
        return None
    share = float(sum_U.sum()) / total
    variance = _variance(sum_U, count_U)
    if variance == 0 or len(sum_U) == total:
        observations = float(len(sum_U))
    else:  # the variance itself is known from few units only
        few = float(scipy.special.stdtrit(total - 1, _TAIL) / scipy.special.stdtrit(len(sum_U) - 1, _TAIL))
        observations = min(share * (1 - share) / variance, total) * few**2
    hits = share * observations
    low = 0.0 if hits <= 0 else scipy.special.betaincinv(hits, observations - hits + 1, _TAIL)
    high = 1.0 if hits >= observations else scipy.special.betaincinv(hits + 1, observations - hits, 1 - _TAIL)
    return float(low), float(high)


def _share_gap(difference: Floats, units: _Units) -> Interval | None:
    sum_U, count_U = _sums(difference, units)
    if not len(sum_U):
        return None
    sum_U, count_U = np.append(sum_U, [1.0, -1.0]), np.append(count_U, [1.0, 1.0])
    middle = float(sum_U.sum() / count_U.sum())
    half = -float(scipy.special.stdtrit(len(sum_U) - 3, _TAIL)) * _variance(sum_U, count_U) ** 0.5
    return max(middle - half, -1.0), min(middle + half, 1.0)


def _studentized(sum_U: Floats, count_U: Floats, seed: int) -> Interval | None:
    """Return the bootstrap-t interval of a mean over units: draws of (mean - own mean) / own standard error."""
    if len(sum_U) < 2:
        return None
    middle, error = float(sum_U.sum() / count_U.sum()), _variance(sum_U, count_U) ** 0.5
    if error <= 1e-12 * max(1.0, abs(middle)):
        return middle, middle
    generator, size = np.random.default_rng(seed), len(sum_U)
    drawn: list[Floats] = []
    step = max(1, _CHUNK // size)
    for begin in range(0, DRAWS, step):
        weight_RU = generator.multinomial(size, np.full(size, 1 / size), min(step, DRAWS - begin)).astype(np.float64)
        count_R = weight_RU @ count_U
        mean_R = weight_RU @ sum_U / count_R
        squares_R = (
            weight_RU @ sum_U**2 - 2 * mean_R * (weight_RU @ (sum_U * count_U)) + mean_R**2 * (weight_RU @ count_U**2)
        )
        error_R = np.sqrt(np.maximum(squares_R, 0) * size / (size - 1)) / count_R
        with np.errstate(divide="ignore", invalid="ignore"):
            t_R = (mean_R - middle) / np.where(error_R > 1e-9 * error, error_R, 0.0)
        drawn.append(np.nan_to_num(t_R, nan=0.0, posinf=np.inf, neginf=-np.inf))
    low, high = np.quantile(np.concatenate(drawn), [_TAIL, 1 - _TAIL], method="inverted_cdf")
    return middle - float(high) * error, middle - float(low) * error


def _resampled(own: Floats, other: Floats | None, units: _Units, statistic: Statistic, seed: int) -> Interval:
    """Return the percentile interval of a statistic, or of its difference, over units drawn with replacement.

    The percentiles are moved out by what Student's distribution and the divisor n - 1 ask (Hesterberg 2015, 3.3): plain
    percentiles of a few units are too narrow.
    """
    generator, size = np.random.default_rng(seed), units.count
    tail = float(scipy.special.ndtr((size / (size - 1)) ** 0.5 * scipy.special.stdtrit(size - 1, _TAIL)))
    values = np.empty(DRAWS // 2)
    for place in range(len(values)):
        chosen = np.concatenate([units.rows[number] for number in generator.integers(0, size, size)])
        values[place] = statistic(own[chosen]) - (0.0 if other is None else statistic(other[chosen]))
    low, high = np.nanquantile(values, [tail, 1 - tail]) if not np.isnan(values).all() else (np.nan, np.nan)
    return float(low), float(high)


def _variance(sum_U: Floats, count_U: Floats) -> float:
    """Return the variance of a ratio of sums over units (linearized)."""
    size, total = len(sum_U), float(count_U.sum())
    residual_U = sum_U - sum_U.sum() / total * count_U
    return float((residual_U**2).sum()) * size / (size - 1) / total**2 if size > 1 else 0.0


def _sums(rows: Floats, units: _Units) -> tuple[Floats, Floats]:
    """Return sums (U,) and numbers of values (U,), of the units that have any."""
    flat_NC = rows.reshape(len(rows), int(np.prod(rows.shape[1:])))
    count_N = (~np.isnan(flat_NC)).sum(1)
    sum_U = np.bincount(units.index_N, np.nansum(flat_NC, 1), units.count)
    count_U = np.bincount(units.index_N, count_N.astype(np.float64), units.count)
    there_U = count_U > 0
    return np.asarray(sum_U[there_U], np.float64), np.asarray(count_U[there_U], np.float64)


def _is_share(rows: Floats) -> bool:
    """Return whether values are hits, 0 or 1, some of them averaged over ties or repetitions.

    Of such values the studentized bootstrap is no judge: draws of nothing but ones have no spread.
    """
    values = rows[~np.isnan(rows)]
    whole = np.isin(values, (0.0, 1.0)).mean() if values.size else 1.0
    return bool(whole >= 0.5) and _is_within(values)


def _is_within(rows: Floats) -> bool:
    return not bool(((rows < 0) | (rows > 1)).any())


def _rows(values: Any, count: int | None, what: str) -> Floats:
    rows = np.asarray(values, dtype=np.float64)
    if count is not None and rows.ndim and len(rows) != count:
        raise ValueError(f"{what}: {len(rows)} rows, {count} are needed, one for each of the model's")
    return rows


def _summary(statistic: Statistic | None, rows: Floats) -> float:
    return float(rows) if rows.ndim == 0 else float((statistic or mean)(rows))


def _grouped(units: Any, count: int) -> _Units:
    names = np.asarray([str(each) for each in units])
    if len(names) != count:
        raise ValueError(f"{len(names)} units are given for {count} rows: one each is needed")
    _, index_N = np.unique(names, return_inverse=True)
    order_N = np.argsort(index_N, kind="stable")
    sizes = np.bincount(index_N) if count else np.zeros(0, np.int64)
    return _Units(index_N, np.split(order_N, np.cumsum(sizes)[:-1]) if count else [])
