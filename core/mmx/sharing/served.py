"""A run as a model of MLflow: `mlflow.pyfunc.load_model` imports this module by name and calls `_load_pyfunc`.

MLflow copies a run's configuration, meaning and safetensors and nothing that could run: the code is mmx's, installed
here. An input row holds raw values by field, or texts: paths of files, or the text itself; `file` is a path that fills
whatever fields it can. Whoever serves a model lets its callers name files of the server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmx.config.catalog import Catalog
from mmx.errors import DataError
from mmx.runs.prediction import described, open_run, predict
from mmx.support.files import plain

if TYPE_CHECKING:
    from mmx.model.built import Built
    from mmx.types import Prediction

FILE = "file"
"""Column of a path that fills whatever fields it can."""


class Served:
    """A run that answers tables of inputs.

    Args:
        built: The run's model and task.
    """

    def __init__(self, built: Built) -> None:
        self.built = built

    def predict(self, inputs: Any, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return the rows of all answers; `input` numbers the input row that each answers.

        Args:
            inputs: A data frame, a mapping or a list of mappings: column -> value; columns that are missing or None are
                not given.
            params: Not used.

        Raises:
            DataError: A row gives nothing, or what it gives cannot be read.
        """
        return [
            {"input": place, **{key: plain(value) for key, value in row.items()}}
            for place, given in enumerate(_rows(inputs))
            for row in self._answer(given).rows
        ]

    def _answer(self, given: Mapping[str, Any]) -> Prediction:
        if not given:
            fields = {name: self.built.corpus.fields[name] for name in self.built.model.fields.values()}
            raise DataError(f"an input gives nothing; the model reads {described(fields)}, or give {FILE!r}")
        if all(isinstance(value, str | Path) for value in given.values()):
            file = given.get(FILE)
            extras = {name: str(value) for name, value in given.items() if name != FILE}
            return predict(self.built, None if file is None else Path(file), extras)
        known = set(self.built.model.fields.values())
        wrong = [name for name in given if name not in known]
        if wrong:
            raise DataError(f"raw values are given by field: {wrong[0]!r} is none of {', '.join(sorted(known))}")
        return self.built.task.predict(self.built.model, given)


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> Served:
    """Return the model in a folder: the name and arguments are MLflow's."""
    return Served(open_run(Catalog.open(Path.cwd()), Path(path)))


def _rows(inputs: Any) -> Iterator[dict[str, Any]]:
    """Yield what each row gives."""
    if hasattr(inputs, "to_dict"):
        inputs = inputs.to_dict(orient="records")
    for row in [inputs] if isinstance(inputs, Mapping) else inputs:
        yield {str(key): value for key, value in row.items() if not _is_missing(value)}


def _is_missing(value: Any) -> bool:
    """Return whether a cell of a table is empty: None, or not a number."""
    return value is None or (isinstance(value, float) and value != value)
