"""Values as Python prints them, with NumPy's numbers: ``{'key': 'u1', 'mos': np.float64(3.2), 'sdr': inf}``.

Read from the syntax tree: nothing is executed, and what is no value is refused.
"""

import ast
import re
from typing import Any

_CONSTANTS = {"nan": float("nan"), "inf": float("inf")}
_NUMBER_TYPE = re.compile(r"(u?int|float|bool)(\d*|_)")  # np.float64, np.int32, np.bool_


def read_printed(text: str) -> Any:
    """The value that a text stands for: numbers, strings, None, lists, tuples and dicts of them.

    Raises:
        ValueError: it is anything else.
    """
    try:
        return _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"not a printed value: {error}") from None


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="np" | "numpy"), attr=name) if (
            name in _CONSTANTS
        ):
            return _CONSTANTS[name]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            number = _value(operand)
            if isinstance(number, (int, float)):
                return -number if isinstance(sign, ast.USub) else number
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="np" | "numpy"), attr=name), args=[one], keywords=[]
        ):
            if _NUMBER_TYPE.fullmatch(name):
                return _value(one)
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return [_value(element) for element in elements]
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return {_key(key): _value(value) for key, value in zip(keys, values, strict=True)}
    raise ValueError(f"'{ast.unparse(node)}' is no value")


def _key(node: ast.expr) -> str:
    name = _value(node)
    if not isinstance(name, str):
        raise ValueError(f"'{ast.unparse(node)}' is no name of a field")
    return name
