"""Model of an experiment: encoders -> fuser -> heads, of which only the needed parts run.

Shape legend: B batch, T time or tokens, D features.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple, cast

import torch
from torch import nn

from mmx.data.collate import collate
from mmx.errors import PortError
from mmx.interfaces import Encoder, Fuser
from mmx.types import Batch, Features, Outputs, Sample


class Plan(NamedTuple):
    """Which parts a set of needs asks for; `fused` names what of the fuser's is read, None means all of it."""

    encoders: tuple[str, ...]
    fuse: bool
    heads: tuple[str, ...]
    fused: tuple[str, ...] | None = None


class Model(nn.Module):
    """Named encoders, one fuser and named heads.

    Args:
        encoders: Encoder name -> encoder (an `nn.Module`).
        fuser: The fuser (an `nn.Module`).
        heads: Head name -> head (an `nn.Module`).
        fields: Encoder name -> field of the sample it reads.
        frozen: Encoders that never learn: evaluation mode and no gradient, whatever the mode of the model. Beside them
            `locked` are the parameters that their authors made without gradient.
    """

    def __init__(
        self,
        encoders: Mapping[str, nn.Module],
        fuser: nn.Module,
        heads: Mapping[str, nn.Module],
        fields: Mapping[str, str],
        frozen: Collection[str] = (),
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(dict(encoders))
        self.fuser = fuser
        self.heads = nn.ModuleDict(dict(heads))
        self.fields = dict(fields)
        self.frozen = frozenset(frozen)
        self.locked = locked(self)
        self._blanks: dict[str, torch.Tensor] = {}
        for name in self.frozen:
            self.encoders[name].requires_grad_(False)
        self.train()

    def train(self, mode: bool = True) -> Model:
        """Set the mode of all parts but the frozen ones, which stay in evaluation mode."""
        super().train(mode)
        for name in self.frozen:
            self.encoders[name].eval()
        return self

    @property
    def widths(self) -> dict[str, int]:
        """D by port (`encoded.NAME`, `fused.NAME`) and by name; of a name that both have, the fuser's."""
        return widths(
            {name: cast(Encoder, encoder).out_dim for name, encoder in self.encoders.items()},
            cast(Fuser, self.fuser).dims,
        )

    @property
    def device(self) -> torch.device:
        """Device of the parameters (the CPU for a model without any)."""
        tensor = next(self.parameters(), None)
        return torch.device("cpu") if tensor is None else tensor.device

    def prepare(self, samples: Sequence[Sample], encoders: Sequence[str] | None = None) -> Batch:
        """Prepare samples as a batch on the CPU for the named encoders (default: all)."""
        names = list(self.encoders) if encoders is None else list(encoders)
        return collate(samples, {name: self.encoders[name] for name in names}, self.fields, self._blanks)

    def plan(self, needs: Sequence[str] | None) -> Plan:
        """Return the parts that `needs` asks for, and the parts that those need.

        Args:
            needs: Names as `encoded.NAME`, `fused.NAME`, `heads.NAME`; others are ignored; None means everything.
        """
        if needs is None:
            return Plan(tuple(self.encoders), True, tuple(self.heads))
        wanted = [port.partition(".")[::2] for port in needs]
        heads = tuple(name for kind, name in wanted if kind == "heads")
        wanted += [port.partition(".")[::2] for name in heads for port in getattr(self.heads[name], "needs", ())]
        encoders = {name for kind, name in wanted if kind == "encoded"}
        fused = [name for kind, name in wanted if kind == "fused"]
        for name in fused:
            encoders.update(self.behind(name))
        names = tuple(name for name in self.encoders if name in encoders)
        return Plan(names, bool(fused), heads, tuple(dict.fromkeys(fused)))

    def behind(self, fused: str) -> Sequence[str]:
        """Return the encoders that one output of the fuser is made from (all, unless the fuser has `requires`)."""
        requires = getattr(self.fuser, "requires", None)
        return list(self.encoders) if requires is None else list(requires(fused))

    def encode(self, name: str, batch: Batch) -> Features:
        """Return the features of one encoder: cached ones where the batch carries them."""
        if name in batch.cached:
            return batch.cached[name]
        with torch.no_grad() if name in self.frozen else nullcontext():
            features = self.encoders[name](batch.inputs[name], batch.masks.get(name))
        if not isinstance(features, Features):
            raise PortError(f"encoders.{name} returned {type(features).__name__}; it must return mmx.types.Features")
        return features

    def forward(self, batch: Batch, needs: Sequence[str] | Plan | None = None) -> Outputs:
        """Run the parts that `needs` asks for.

        Args:
            batch: Prepared for (at least) the encoders that are needed.
            needs: See `plan`; or a plan made before, for repeated calls.

        Returns:
            Features per encoder, features after the fuser, predictions of the heads.
        """
        plan = needs if isinstance(needs, Plan) else self.plan(needs)
        encoded = {name: self.encode(name, batch) for name in plan.encoders}
        fused: Mapping[str, Features] = self.fuser(encoded, batch) if plan.fuse else {}
        if not isinstance(fused, Mapping):
            raise PortError(f"the fuser returned {type(fused).__name__}; it must return names with mmx.types.Features")
        # A head may read past the fuser (`encoded.NAME`); where both exist the fused features win. A chain, not a
        # merged dict: a fuser may return a mapping that computes an output when it is first read.
        there = ChainMap(cast(dict[str, Features], fused), encoded)
        heads: dict[str, Any] = {name: self.heads[name](there, batch) for name in plan.heads}
        for name in fused if plan.fused is None else plan.fused:
            fused.get(name)  # needed outputs are computed here, under this gradient mode, and not later
        return Outputs(encoded, fused, heads)


def locked(module: nn.Module) -> frozenset[str]:
    """Return the names of the parameters that do not take a gradient now: those that the author of a part froze."""
    return frozenset(name for name, parameter in module.named_parameters() if not parameter.requires_grad)


def widths(encoded: Mapping[str, int], fused: Mapping[str, int]) -> dict[str, int]:
    """Return widths by port and by name, as heads, objectives and tasks are given them."""
    ports = {f"encoded.{name}": width for name, width in encoded.items()}
    ports |= {f"fused.{name}": width for name, width in fused.items()}
    return {**encoded, **fused, **ports}
