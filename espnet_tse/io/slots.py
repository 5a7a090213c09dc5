"""What a class is composed of: the parts that a YAML names, and what each of them is given."""

from dataclasses import dataclass
from typing import Any, Callable, Mapping


def nothing(tokenizers: Mapping[str, Any]) -> dict[str, Any]:
    """No argument besides the configuration and the part's own parts."""
    return {}


def always(config: Any) -> bool:
    """Whatever the configuration says."""
    return True


@dataclass(frozen=True)
class Slot:
    """One part of a class, under the name of the argument of ``from_config`` that takes it.

    A model, and each of its parts in turn, has a dict ``slots`` of these; building is one loop over it.
    """

    table: str  # name of the table in tasks/choices.py
    option: str | None = None  # of the YAML, with its ``<option>_conf``; None: the table's name
    # Arguments made from the tokenizers, by name.
    given: Callable[[Mapping[str, Any]], dict[str, Any]] = nothing
    when: Callable[[Any], bool] = always  # whether a class of this ``Config`` has the part
    # The class builds the part itself, with more arguments that only it knows: it is handed a function that
    # takes them.
    deferred: bool = False
    kind: type = object  # classes of the table that are none of these do not fit

    @property
    def name(self) -> str:
        """The option of the YAML."""
        return self.option or self.table


@dataclass(frozen=True)
class Pretrained:
    """A trained system that another one begins with, named under ``pretrained:`` in the YAML."""

    # The parts of these names take the weights of the system's parts of the same names.
    slots: tuple[str, ...]
    # Whether a model of this ``Config`` cannot be trained without it.
    required: Callable[[Any], bool] = always
    # Those parts of a model of this ``Config`` of which a frozen copy stays as the trained system has them.
    frozen: Callable[[Any], tuple[str, ...]] = lambda config: ()
    whole: bool = False  # the system itself is run, as it is, in training and in extraction
    role: str = ""  # what it is to the model, for messages
