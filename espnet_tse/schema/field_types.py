"""Values of a YAML block against the annotated types of a dataclass, which Python itself never checks."""

from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

WANTED = {bool: "true or false", int: "a whole number", float: "a number", str: "text", NoneType: "null"}


def faults_of_types(config: type, conf: dict[str, Any]) -> list[str]:
    """'key is value, want ...' for each known key of another type; of lists and dicts only the kind is checked."""
    hints = get_type_hints(config)
    return [
        f"{key} is {value!r}, want {' or '.join(map(wanted, alternatives(hints[key])))}"
        for key, value in conf.items()
        if key in hints and not any(fits(value, hint) for hint in alternatives(hints[key]))
    ]


def alternatives(hint: Any) -> tuple:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def wanted(hint: Any) -> str:
    kind = get_origin(hint) or hint
    return WANTED.get(kind) or ("key: value pairs" if kind is dict else "a list")


def fits(value: Any, hint: Any) -> bool:
    kind = get_origin(hint) or hint
    if kind in (int, float) and isinstance(value, bool):
        return False
    if kind is float:
        return isinstance(value, (int, float))
    if kind in (tuple, list):
        return isinstance(value, (tuple, list))
    return not isinstance(kind, type) or isinstance(value, kind)
