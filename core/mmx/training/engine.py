"""Placement of the arithmetic: device, precision, threads and processes, behind a few methods of plain torch.

`torchrun` (or anything that sets RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT) starts several processes: gloo on the CPU,
NCCL on GPUs. Without those variables there is one process and nothing here communicates.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from mmx.config.experiment import Settings
from mmx.errors import UserError
from mmx.support import threads


class Engine:
    """Runs modules on a device, alone or together with other processes.

    Args:
        settings: Device, precision, compilation and threads.

    Attributes:
        device: Where tensors go.
        rank: Number of this process; only rank 0 tracks, saves and judges.
        world: Number of processes.
        threads: How many threads torch has here, and why.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.world = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        self.device = choose_device(settings.device, int(os.environ.get("LOCAL_RANK", "0")))
        self.threads = threads.choose(settings.threads, torch.get_num_threads())
        torch.set_num_threads(self.threads.count)
        self._owns_group = self.world > 1 and not distributed.is_initialized()
        if self._owns_group:
            backend = "nccl" if self.device.type == "cuda" else "gloo"
            distributed.init_process_group(backend, timeout=timedelta(minutes=10))

    @property
    def main(self) -> bool:
        """Whether this is the process that tracks, saves and judges."""
        return self.rank == 0

    def setup(self, module: nn.Module) -> nn.Module:
        """Return the module that computes a training step: moved, compiled and shared as the settings say."""
        module.to(self.device)
        if self.settings.compile:
            module.compile()
        if self.world == 1:
            return module
        if not any(parameter.requires_grad for parameter in module.parameters()):
            return module
        devices = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(module, device_ids=devices, find_unused_parameters=True)

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context in which the forward pass runs."""
        if self.settings.precision == "bfloat16":
            return torch.autocast(self.device.type, torch.bfloat16)
        return nullcontext()

    @contextmanager
    def accumulating(self, module: nn.Module, last: bool) -> Iterator[None]:
        """Skip communication while gradients are still being added up."""
        if not last and isinstance(module, DistributedDataParallel):
            with module.no_sync():
                yield
        else:
            yield

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean over processes."""
        if self.world > 1:
            distributed.all_reduce(values)
            values = values / self.world
        return values

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set on any process, so that all of them stop at the same step."""
        if self.world == 1:
            return flag
        value = torch.tensor(float(flag), device=self.device)
        distributed.all_reduce(value, op=distributed.ReduceOp.MAX)
        return bool(value.item())

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all processes, plain containers and tensors on the CPU, in the order of their ranks."""
        if self.world == 1:
            return [value]
        found: list[Any] = [None] * self.world
        distributed.all_gather_object(found, value)
        return found

    def wait(self) -> None:
        """Wait for the other processes."""
        if self.world > 1 and distributed.is_initialized():
            distributed.barrier()

    def part(self) -> None:
        """Let each process go on alone: rank 0 judges, and losses that gather must not wait for the others there."""
        self.wait()
        self.close()

    def close(self) -> None:
        """Leave the group of processes."""
        if self._owns_group and distributed.is_initialized():
            gc.collect()  # shared modules lie in cycles; one that outlives its group aborts the process at its very end
            distributed.destroy_process_group()


def choose_device(name: str, local_rank: int = 0) -> torch.device:
    """Return the device that a setting names; `auto` takes a GPU where there is one.

    Raises:
        UserError: There is no such device here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", local_rank)
        return torch.device("mps") if torch.backends.mps.is_available() else torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(
            f"device {name!r} is not usable here ({str(error).splitlines()[0]}); try: --device cpu"
        ) from error
    return torch.device("cuda", local_rank) if name == "cuda" else device
