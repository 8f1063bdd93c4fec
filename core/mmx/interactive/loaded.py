"""Runs from Python: started, loaded, used. The same steps as `mmx run` and `mmx predict`, for scripts and notebooks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mmx.errors import DataError, UnknownNameError, did_you_mean
from mmx.interfaces import Fuser
from mmx.runs.history import find_trained
from mmx.support import run_files, threads

if TYPE_CHECKING:
    import numpy as np

    from mmx.config.catalog import Catalog, ExperimentInfo
    from mmx.interfaces import Model
    from mmx.model.built import Built
    from mmx.registry.registry import Entry
    from mmx.types import Prediction, Sample


@dataclass(frozen=True, repr=False)
class LoadedRun:
    """A run folder as a usable model; weights are read at first use.

    Attributes:
        folder: The run folder.
        catalog: Whose plugins hold the parts of the model.
    """

    folder: Path
    catalog: Catalog

    @cached_property
    def built(self) -> Built:
        """The parts of the run with its trained weights, in evaluation mode, on the CPU."""
        from mmx.runs.prediction import open_run

        return open_run(self.catalog, self.folder)

    @property
    def model(self) -> Model:
        """The trained model, a `torch.nn.Module` of named encoders, a fuser and named heads."""
        return self.built.model

    @cached_property
    def report(self) -> Mapping[str, Any]:
        """The content of `report.json`; empty where the run was not judged.

        Raises:
            DataError: It is damaged.
        """
        path = self.folder / run_files.REPORT
        try:
            return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise DataError(f"{path}: cannot be read as a report: {error}") from error

    @property
    def verdict(self) -> str:
        """The verdict of the report, "not judged" without one."""
        return str(self.report.get("verdict", "not judged"))

    def corpus(self, split: str = "test") -> Sequence[Sample]:
        """Return a split of the corpus that the run was trained on."""
        return self.built.corpus.split(split)

    def __repr__(self) -> str:
        try:
            verdict = self.verdict
        except DataError:
            verdict = "its report is damaged"
        return f"<run {self.folder.parent.name}/{self.folder.name}: {verdict}>"

    def predict(self, file: Path | str | None = None, **fields: str) -> Prediction:
        """Predict from a file or text, as `mmx predict` does.

        Args:
            file: A media file or a text; what fills which field is told by its kind.
            fields: Further inputs: field name -> file or text.

        Raises:
            DataError: The input cannot be read, or is nothing that the model takes.
        """
        from mmx.interactive.display import answer
        from mmx.runs.prediction import predict

        return answer(predict(self.built, None if file is None else Path(file), fields))

    def embed(self, inputs: Sequence[Sample | Path | str], batch_size: int = 32) -> Mapping[str, np.ndarray]:
        """Return pooled features of inputs by port (`encoded.NAME`, `fused.NAME`), each (N, D) float32.

        Args:
            inputs: Samples of a corpus, or files and texts; all must fill the same fields.
            batch_size: Inputs per forward pass.

        Raises:
            DataError: There is no input, one cannot be read, or no encoder takes it.
        """
        import numpy as np
        import torch

        from mmx.runs.prediction import inputs as fields_of
        from mmx.types import Sample

        samples = [
            each if isinstance(each, Sample) else Sample(str(each), fields_of(self.built, Path(each), {}))
            for each in inputs
        ]
        model = self.built.model
        names = [n for n, field in model.fields.items() if samples and all(field in each.fields for each in samples)]
        if not names:
            raise DataError(f"nothing to embed: the model reads {', '.join(sorted(set(model.fields.values())))}")
        fused = [
            f"fused.{port}"
            for port in cast(Fuser, self.built.model.fuser).dims
            if set(model.behind(port)) <= set(names)
        ]
        ports = [*(f"encoded.{name}" for name in names), *fused]
        found: dict[str, list[np.ndarray]] = {port: [] for port in ports}
        with torch.inference_mode():
            for first in range(0, len(samples), batch_size):
                outputs = model(model.prepare(samples[first : first + batch_size], names), ports)
                for port in ports:
                    kind, _, name = port.partition(".")
                    found[port].append(getattr(outputs, kind)[name].pooled_BD.float().cpu().numpy())
        return {port: np.concatenate(parts) for port, parts in found.items()}

    def _repr_html_(self) -> str:
        from mmx.interactive.display import run_html

        return run_html(self.folder, self.report)


def load(name: str | Path, *, runs: Path | str = "runs") -> LoadedRun:
    """Return a run by folder, id, tag, "latest", or the name of its experiment: then its latest finished run.

    Of an experiment that was not trained here it is the run that comes with the plugin, where there is one.

    Raises:
        DataError: There is no such run.
    """
    catalog = _catalog()
    return LoadedRun(find_trained(str(name), Path(runs), lambda: catalog.plugins), catalog)


def run(
    name: str,
    *overrides: str,
    preset: str = "default",
    seed: int | None = None,
    runs: Path | str = "runs",
    tracking: bool = True,
) -> LoadedRun:
    """Train and judge an experiment, as `mmx run` does, and return the run.

    Args:
        name: Name of the experiment.
        overrides: `key=value` texts, such as `"stages.distill.steps=200"`.
        preset: One of its presets.
        seed: Seed of everything that draws; None keeps the experiment's.
        runs: Where run folders go.
        tracking: Send to MLflow.

    Raises:
        MmxError: The experiment is wrong, or the run failed.
    """
    threads.wait_politely()  # only before torch is imported for the first time does it have an effect
    from mmx.runs.progress import Plain
    from mmx.runs.session import execute, new_folder

    catalog = _catalog()
    settings = {} if seed is None else {"seed": seed}
    resolved = catalog.resolve(name, preset=preset, overrides=overrides, settings=settings)
    folder = new_folder(Path(runs).absolute(), resolved.experiment.name)
    with Plain() as display:
        execute(resolved, catalog.plugins, folder, display, tracking=tracking)
    return LoadedRun(folder, catalog)


def experiments() -> Sequence[ExperimentInfo]:
    """Return every experiment that `mmx ls` lists."""
    return _catalog().experiments()


def components(kinds: str | None = None) -> Sequence[Entry]:
    """Return the registered components of a kind ("encoders", "fusers", ...), as `mmx ls KIND` does; None: all.

    Raises:
        UnknownNameError: There is no such kind.
    """
    from mmx.registry.registry import KINDS, plural

    known = {plural(kind): kind for kind in KINDS}
    if kinds is not None and kinds not in known:
        raise UnknownNameError(f"no kind {kinds!r}{did_you_mean(kinds, known)}; there are: {', '.join(known)}")
    return list(_catalog().plugins.registry.entries(None if kinds is None else known[kinds]))


def _catalog() -> Catalog:
    from mmx.config.catalog import Catalog

    return Catalog.open(Path.cwd())
