"""Values of a YAML block against the annotated types of a dataclass, which Python itself never checks."""

import math
import re
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

WANTED = {bool: "true or false", int: "a whole number", float: "a number", str: "text", NoneType: "null"}


def faults_of_types(config: type, conf: dict[str, Any]) -> list[str]:
    """'key is value, want ...' for each known key of another type; dicts are not looked into."""
    hints = get_type_hints(config)
    faults = [
        f"{key} is {value!r}, want "
        f"{' or '.join(map(wanted, alternatives(hints[key])))}{hint_of_exponents(value)}"
        for key, value in conf.items()
        if key in hints and not any(fits(value, hint) for hint in alternatives(hints[key]))
    ]
    # No comparison with a bound refuses nan.
    endless = [key for key, value in conf.items() if isinstance(value, float) and not math.isfinite(value)]
    return faults + [f"{key} is {conf[key]}, want a finite number" for key in endless]


def hint_of_exponents(value: Any) -> str:
    """What helps where YAML took a number for text."""
    is_number = isinstance(value, str) and re.fullmatch(r"[-+]?\d+e[-+]?\d+", value, re.IGNORECASE)
    return " (YAML reads 1e-3 as text; write 1.0e-3)" if is_number else ""


def alternatives(hint: Any) -> tuple:
    """The types of a union; of any other annotation itself."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def wanted(hint: Any) -> str:
    """The type in words of YAML."""
    kind, elements = get_origin(hint) or hint, get_args(hint)
    if kind in (tuple, list) and elements:
        return f"a list, each {wanted(elements[0])}"
    return WANTED.get(kind) or ("key: value pairs" if kind is dict else "a list")


def fits(value: Any, hint: Any) -> bool:
    """Whether a YAML's value is of the type: whole numbers are numbers too, lists tuples, truth no number."""
    kind = get_origin(hint) or hint
    if kind in (int, float) and isinstance(value, bool):
        return False
    if kind is float:
        return isinstance(value, (int, float))
    if kind in (tuple, list):
        element = [get_args(hint)[0]] if get_args(hint) else []
        return isinstance(value, (tuple, list)) and all(fits(one, kind) for one in value for kind in element)
    return not isinstance(kind, type) or isinstance(value, kind)
