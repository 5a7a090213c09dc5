"""Values of a YAML block against the types of a dataclass."""

from dataclasses import dataclass, field

import pytest

from espnet_tse.io.choices import Choices
from espnet_tse.io.field_types import faults_of_types


@dataclass(frozen=True)
class Config:
    width: int = 8
    rate: float = 0.1
    causal: bool = False
    name: str = "a"
    most: float | None = None
    sizes: tuple[int, ...] = (1, 2)
    losses: dict[str, float] = field(default_factory=dict)


class Part:
    Config = Config


@pytest.mark.parametrize(
    "conf",
    [
        {"width": 3, "rate": 1, "causal": True},
        {"most": None, "name": "b"},
        {"most": 2, "sizes": [1], "losses": {"a": 1}},
    ],
)
def test_what_fits(conf):
    assert faults_of_types(Config, conf) == []


@pytest.mark.parametrize(
    "conf, fault",
    [
        ({"causal": "maybe"}, "causal is 'maybe', want true or false"),
        ({"causal": 1}, "causal is 1, want true or false"),
        ({"width": "sixteen"}, "width is 'sixteen', want a whole number"),
        ({"width": 2.5}, "width is 2.5, want a whole number"),
        ({"width": True}, "width is True, want a whole number"),
        ({"rate": "fast"}, "rate is 'fast', want a number"),
        ({"rate": "1e-3"}, "rate is '1e-3', want a number (YAML reads 1e-3 as text; write 1.0e-3)"),
        ({"rate": None}, "rate is None, want a number"),
        ({"most": "all"}, "most is 'all', want a number or null"),
        ({"name": 3}, "name is 3, want text"),
        ({"sizes": 3}, "sizes is 3, want a list, each a whole number"),
        ({"sizes": ["a", 1]}, "sizes is ['a', 1], want a list, each a whole number"),
        ({"rate": float("nan")}, "rate is nan, want a finite number"),
        ({"most": float("inf")}, "most is inf, want a finite number"),
        ({"losses": ["a"]}, "losses is ['a'], want key: value pairs"),
    ],
)
def test_what_does_not(conf, fault):
    assert faults_of_types(Config, conf) == [fault]
    with pytest.raises(ValueError) as error:
        Choices("part", some=Part).config("some", conf)
    assert str(error.value) == f"part_conf of 'some': {fault}"
