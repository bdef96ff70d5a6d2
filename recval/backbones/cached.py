"""What is worth computing once for many scorings: a value that follows from parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from torch import Tensor

Value = TypeVar("Value")


class WhileUnchanged(Generic[Value]):
    """Keeps a value until the parameters that it was computed from differ from what they were.

    The parameters themselves are compared: neither their versions nor their addresses tell of every way of writing to
    them. So a copy of them is kept.
    """

    def __init__(self) -> None:
        self._value: Value | None = None
        self._of: list[Tensor] = []

    def __call__(self, compute: Callable[[], Value], parameters: Iterable[Tensor]) -> Value:
        """Return the kept value, computed anew if `parameters` changed since."""
        now = [parameter.detach() for parameter in parameters]
        if self._value is None or len(now) != len(self._of) or not all(map(_same, now, self._of)):
            self._value = compute()
            self._of = [parameter.clone() for parameter in now]
        return self._value


def _same(left: Tensor, right: Tensor) -> bool:
    return left.device == right.device and left.dtype == right.dtype and left.equal(right)
