# SPDX-License-Identifier: Apache-2.0
"""Integers and arrays that notice when a 32-bit board would have to allocate."""


class Small(int):
    """An int whose every result must fit a board's small int, -2**30 .. 2**30 - 1."""


def _checked(operator):
    plain = getattr(int, operator)

    def apply(self, *other):
        value = plain(self, *other)
        if value is NotImplemented:
            return value
        assert -(1 << 30) <= value < 1 << 30, f"{self} {operator} {other} = {value}"
        return Small(value)

    return apply


_OPERATORS = (
    "add sub mul floordiv mod rshift lshift and or xor radd rsub rmul rfloordiv rmod rand ror rxor"
    " rrshift rlshift neg abs invert"
)
for _name in _OPERATORS.split():
    setattr(Small, f"__{_name}__", _checked(f"__{_name}__"))


class SmallArray(list):
    """Stands in for array('i', ...): everything stored comes back as Small."""

    def __init__(self, _typecode, values):
        super().__init__(Small(value) for value in values)

    def __setitem__(self, at, value):
        super().__setitem__(at, Small(value))
