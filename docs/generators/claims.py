"""Numbers of a card's claims, read from the stored results of its plugin."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from typing import Any

from generators.saved import folder_of
from mmx.studies import results
from mmx.types import Claim


def stored(plugin: str, claim: Claim) -> Mapping[str, Any]:
    """Return the result that a claim names; empty where it is not stored (yet)."""
    path = folder_of(plugin) / results.FOLDER / f"{claim.result}.json"
    content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return content


def ours(plugin: str, claim: Claim) -> str:
    """Return our value in words: what the stored result holds for each key, or what the card says."""
    told = [claim.ours] if claim.ours else []
    if claim.result:
        content = stored(plugin, claim)
        told = [_number(content, key) for key in claim.keys] if content else ["not measured at a stored commit"]
    return "; ".join(told)


def seeds(plugin: str, claim: Claim) -> str:
    """Return the seeds of the stored result, or those that the card names."""
    content = stored(plugin, claim) if claim.result else {}
    listed = [str(each["seed"]) for each in content.get("seeds", [content] if content else [])]
    return ", ".join(listed) or claim.seeds or "none yet"


def commit(plugin: str, claim: Claim) -> str:
    """Return the commits of the stored result, or what the card names."""
    content = stored(plugin, claim) if claim.result else {}
    found = {str(each["git_commit"])[:7]: None for each in content.get("seeds", [content] if content else [])}
    return ", ".join(found) or claim.commit or "none yet"


def _number(content: Mapping[str, Any], key: str) -> str:
    """Return a key's value over seeds; for a metric with its interval and the means of what it is compared with."""
    found = results.values(content, key)
    if not found:
        return f"{_words(key)} not in the stored result"
    told = f"{_words(key)} {results.spread(found)}"
    metric = {each["name"]: each for each in content["metrics"]}.get(key)
    if metric is None:
        return told
    beside = ["chance", "untrained"]
    beside += [f"{group}/{name}" for group in ("baselines", "controls") for name in metric.get(group) or {}]
    compared = [(name, results.values(content, f"{key}/{name}")) for name in beside]
    words = [f"{name.rpartition('/')[2]} {statistics.mean(numbers):.3g}" for name, numbers in compared if numbers]
    if len(found) == 1 and metric.get("ci95"):
        low, high = metric["ci95"]
        words.insert(0, f"95 % interval {low:.3g} to {high:.3g}")
    return f"{told} ({', '.join(words)})" if words else told


def _words(key: str) -> str:
    name, *path = key.split("/")
    return f"{name} of {path[-1]}" if path else name
