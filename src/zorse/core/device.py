"""Where tensors live."""

from __future__ import annotations

import torch

from zorse.core.errors import InputError


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """``"auto"`` is the first CUDA device, else Apple's MPS, else the CPU.

    Raises
    ------
    InputError
        If the device does not exist on this machine.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise InputError(f"unknown device {device!r}; expected auto, cpu, cuda, cuda:0 or mps") from error
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise InputError(f"device {device!r} is not on this machine ({torch.cuda.device_count()} CUDA devices found)")
    if found.type == "mps" and not torch.backends.mps.is_available():
        raise InputError("device 'mps' is not on this machine")
    return found
