"""Values of a YAML block against the annotated types of a dataclass, which Python itself never checks."""

import re
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

WANTED = {bool: "true or false", int: "a whole number", float: "a number", str: "text", NoneType: "null"}


def faults_of_types(config: type, conf: dict[str, Any]) -> list[str]:
    """'key is value, want ...' for each known key of another type; lists and dicts are not looked into."""
    hints = get_type_hints(config)
    return [
        f"{key} is {value!r}, want "
        f"{' or '.join(map(wanted, alternatives(hints[key])))}{hint_of_exponents(value)}"
        for key, value in conf.items()
        if key in hints and not any(fits(value, hint) for hint in alternatives(hints[key]))
    ]


def hint_of_exponents(value: Any) -> str:
    """What helps where YAML took a number for text."""
    is_number = isinstance(value, str) and re.fullmatch(r"[-+]?\d+e[-+]?\d+", value, re.IGNORECASE)
    return " (YAML reads 1e-3 as text; write 1.0e-3)" if is_number else ""


def alternatives(hint: Any) -> tuple:
    """The types of a union; of any other annotation itself."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def wanted(hint: Any) -> str:
    """The type in words of YAML."""
    kind = get_origin(hint) or hint
    return WANTED.get(kind) or ("key: value pairs" if kind is dict else "a list")


def fits(value: Any, hint: Any) -> bool:
    """Whether a YAML's value is of the type: whole numbers are numbers too, lists tuples, truth no number."""
    kind = get_origin(hint) or hint
    if kind in (int, float) and isinstance(value, bool):
        return False
    if kind is float:
        return isinstance(value, (int, float))
    if kind in (tuple, list):
        return isinstance(value, (tuple, list))
    return not isinstance(kind, type) or isinstance(value, kind)
