# SPDX-License-Identifier: Apache-2.0
"""What the compiler says about a pattern, and what a device says, as exceptions."""

from __future__ import annotations


class CompileError(ValueError):
    """A pattern cannot be read, linked, bound or planned.

    ``message`` says why in one line; ``file``, ``line`` and ``column`` say where, counted from 1.
    ``file`` is empty and ``line`` 0 where the error stands in no file, as when a size is missing.
    """

    def __init__(self, message: str, file: str = "", line: int = 0, column: int = 0) -> None:
        where = ":".join([file, *(str(n) for n in (line, column) if n)]) if file else ""
        super().__init__(f"{where}: {message}" if where else message)
        self.message = message
        self.file = file
        self.line = line
        self.column = column

    def __reduce__(self) -> tuple[type[CompileError], tuple[str, str, int, int]]:
        return type(self), (self.message, self.file, self.line, self.column)


class DeviceError(RuntimeError):
    """A CUDA device, its driver or NVRTC is missing, cannot do what it is asked for, or refuses."""


class DeviceMemoryError(DeviceError, MemoryError):
    """A CUDA device has too little memory left."""
