"""A model as an ONNX file, checked against torch on example inputs.

What the task reads of the model is exported: the encoders, fuser outputs and heads behind `task.needs`. Inputs are
prepared inputs, as the encoders take them, with the lengths of the example.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from mmx.errors import DataError, PortError, UserError
from mmx.support.text import one_line
from mmx.types import Batch, Features

if TYPE_CHECKING:
    from mmx.model.built import Built
    from mmx.model.model import Model, Plan

RTOL, ATOL = 1e-3, 1e-4
"""How far ONNX's outputs may lie from torch's: float32 through some fifty layers, in another order of sums."""
_LARGEST_BATCH: Final = 1024


class Forward(nn.Module):
    """A model's forward as a function of tensors: inputs then masks in, named outputs in order out.

    Args:
        model: The model.
        inputs: Encoders whose inputs are given.
        masks: Encoders whose masks are given.
        needs: Ports to compute.
        size: Of the batch that it is traced with.
    """

    def __init__(
        self, model: Model, inputs: Sequence[str], masks: Sequence[str], needs: Sequence[str], size: int
    ) -> None:
        super().__init__()
        self.model, self.inputs, self.masks, self.needs = model, inputs, masks, needs
        self.given = [*(f"inputs.{name}" for name in inputs), *(f"masks.{name}" for name in masks)]
        self.ids = [""] * size  # a size read from a tensor's shape would fix the batch
        self.names: list[str] = []

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs; `names` are then their names."""
        count = len(self.inputs)
        batch = Batch(
            self.ids,
            dict(zip(self.inputs, tensors[:count], strict=True)),
            dict(zip(self.masks, tensors[count:], strict=True)),
        )
        found = self.model(batch, self.needs)
        wanted = {need for need in self.needs if need.split(".")[0] in ("encoded", "fused")}
        named = {f"encoded.{name}": value for name, value in found.encoded.items() if f"encoded.{name}" in wanted}
        named |= {f"fused.{name}": value for name, value in found.fused.items() if f"fused.{name}" in wanted}
        named |= {f"heads.{name}": value for name, value in found.heads.items()}
        flat = dict(_tensors(named))
        self.names = list(flat)
        return tuple(flat.values())


def write(built: Built, file: Path) -> Mapping[str, Any]:
    """Write the model as ONNX and return the shapes of its inputs and outputs by name.

    The size of the batch is free where the model allows it, else one. Torch and ONNX are compared on the examples.

    Raises:
        UserError: The extra `export` is not installed.
        DataError: There is no example to trace the model with.
        PortError: A part cannot be written as ONNX, or ONNX computes something else; it is named.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401  # compared with below
        import onnxscript  # noqa: F401  # torch.onnx.export writes with it
    except ImportError as error:
        raise UserError(
            f"ONNX needs the extra `export` ({error.name} is missing): pip install 'mmx[export]'"
        ) from error

    model = built.model.eval()
    needs = [need for need in built.task.needs if not need.startswith("targets.")] or _heads(model)
    plan = model.plan(needs)
    examples = _examples(built, plan.encoders)
    faults = []
    for size, free in ((2, True), (1, False)):
        if size > len(examples):
            continue
        batch = model.prepare(examples[:size], plan.encoders)
        forward = Forward(model, list(batch.inputs), list(batch.masks), needs, size).eval()
        tensors = (*batch.inputs.values(), *batch.masks.values())
        try:
            found = _exported(forward, tensors, free)
            _anonymise(found, forward.given)
            for rows in (size, 1) if free else (1,):
                _compare(found.SerializeToString(), forward, tuple(tensor[:rows] for tensor in tensors))
        except Exception as error:  # torch and ONNX raise a dozen kinds
            faults.append(error)
            continue
        onnx.save(found, str(file))
        return {"inputs": _shapes(found.graph.input), "outputs": _shapes(found.graph.output)}
    part = _part_at_fault(model, model.prepare(examples[:1], plan.encoders), plan)
    raise PortError(f"{part}: cannot be written as ONNX: {_first_line(faults[-1])}; export without --onnx")


def _heads(model: Model) -> list[str]:
    return [f"heads.{name}" for name in model.heads] or [f"encoded.{name}" for name in model.encoders]


def _examples(built: Built, encoders: Sequence[str]) -> list[Any]:
    fields = {built.model.fields[name] for name in encoders}
    try:
        samples = built.corpus.split("test")
        found = [samples[index] for index in range(min(2, len(samples)))]
    except Exception as error:
        raise DataError(
            f"ONNX is traced with the run's test data, which cannot be read: {one_line(str(error))}"
        ) from error
    found = [sample for sample in found if fields <= set(sample.fields)]
    if not found:
        raise DataError(f"ONNX is traced with the run's test data, which has no item with {', '.join(sorted(fields))}")
    return found


def _exported(forward: Forward, tensors: tuple[Tensor, ...], free: bool) -> Any:
    """Return the ONNX model of a module."""
    batch = torch.export.Dim("batch", min=1, max=_LARGEST_BATCH)
    shapes = (tuple({0: batch} for _ in tensors),) if free else None
    with _quiet(), torch.no_grad():
        forward(*tensors)
        # Captured here, once: given a module, torch.onnx.export tries one way of capturing after the other.
        captured = torch.export.export(forward, tensors, dynamic_shapes=shapes, strict=False)
        program = torch.onnx.export(captured, dynamo=True, verbose=False, output_names=forward.names)
    return program.model_proto if program is not None else None


def _anonymise(found: Any, inputs: Sequence[str]) -> None:
    """Name the inputs after their encoders, and remove the traces of source files that torch leaves in a model."""
    renamed = {value.name: name for value, name in zip(found.graph.input, inputs, strict=False)}
    for value in found.graph.input:
        value.name = renamed[value.name]
    for each in (
        found,
        found.graph,
        *found.graph.node,
        *found.graph.value_info,
        *found.graph.input,
        *found.graph.output,
    ):
        del each.metadata_props[:]
        each.doc_string = ""
    for node in found.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = renamed.get(name, name)
    for function in found.functions:
        for each in (function, *function.node, *function.value_info):
            del each.metadata_props[:]
            each.doc_string = ""


def _compare(content: bytes, forward: Forward, tensors: tuple[Tensor, ...]) -> None:
    """Raise `ValueError` where ONNX computes something else than torch."""
    import onnxruntime

    with _quiet():
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        names = [each.name for each in session.get_inputs()]
        by_name = dict(zip(forward.given, tensors, strict=True))
        found = session.run(forward.names, {name: by_name[name].numpy() for name in names})
        with torch.no_grad():
            wanted = forward(*tensors)
    for name, one, other in zip(forward.names, found, wanted, strict=True):
        if one.shape != tuple(other.shape) or not np.allclose(one, other.numpy(), rtol=RTOL, atol=ATOL, equal_nan=True):
            raise ValueError(f"{name} differs between ONNX and torch")


def _part_at_fault(model: Model, batch: Batch, plan: Plan) -> str:
    """Return the first part that cannot be captured with what it reads: an encoder, the fuser, a head."""
    parts = {f"encoders.{name}": f"encoded.{name}" for name in plan.encoders}
    parts |= {f"fuser ({name})": f"fused.{name}" for name in plan.fused or ()}
    parts |= {f"heads.{name}": f"heads.{name}" for name in plan.heads}
    for part, port in parts.items():
        forward = Forward(model, list(batch.inputs), list(batch.masks), [port], len(batch.ids)).eval()
        try:
            _exported(forward, (*batch.inputs.values(), *batch.masks.values()), False)
        except Exception:  # torch raises a dozen kinds
            return part
    return "the whole model"


def _tensors(named: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """Yield name and tensor of outputs: of features the pooled ones, of a head each that it returns."""
    for name, value in named.items():
        if isinstance(value, Tensor):
            yield name, value
        elif isinstance(value, Features):
            yield name, value.pooled_BD
        elif isinstance(value, Mapping):
            yield from _tensors({f"{name}.{key}": item for key, item in value.items()})


def _shapes(values: Sequence[Any]) -> dict[str, list[int | str]]:
    return {
        value.name: [each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim] for value in values
    }


def _first_line(error: Exception) -> str:
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return one_line((str(cause).strip() or type(cause).__name__).splitlines()[0], 200)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what torch's exporter prints, pages of graphs, from the terminal: what matters of it is raised."""
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
