"""Options whose defaults come from the YAML of ``--config`` and its bases."""

import argparse
from typing import Callable, Sequence

from espnet_tse.io.scp import DataError
from espnet_tse.io.yaml_chain import YamlChain, read_chain


def unknown_keys(chain: YamlChain, actions: Sequence[argparse.Action]) -> list[str]:
    """A fault for each file of the chain with keys that are none of the options."""
    try:
        chain.check_keys(action.dest for action in actions)
    except DataError as error:
        return str(error).splitlines()
    return []


class ChainParser(argparse.ArgumentParser):
    """The options of ESPnet's parser, which by itself reads one file and takes ``base`` for an unknown key.

    Args:
        espnet: has ``--config`` among its options; no abbreviation of an option is taken.
        faults_of: what is wrong with a YAML, given the actions of the options; nothing else is parsed then.
    """

    chain: YamlChain | None = None  # of the last command line that was parsed

    def __init__(
        self,
        espnet: argparse.ArgumentParser,
        faults_of: Callable[[YamlChain, Sequence[argparse.Action]], list[str]] = unknown_keys,
    ):
        super().__init__(
            parents=[espnet],
            add_help=False,  # the parent's is taken over
            allow_abbrev=False,
            description=espnet.description,
            formatter_class=espnet.formatter_class,
        )
        self.faults_of = faults_of

    def chain_of(self, words: Sequence[str] | None) -> YamlChain | None:
        """The YAML that ``words`` name by ``--config``, None without one; exit code 2 if it is unreadable."""
        first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        first.add_argument("--config")
        path = first.parse_known_args(words)[0].config
        try:
            return None if path is None else read_chain(path)
        except DataError as error:
            self.error(f"--config {error}")

    def parse_known_args(self, args=None, namespace=None):
        """As argparse; options that are not on the command line take their values from the YAML.

        The YAML is then found under ``chain``; faults of it end with exit code 2, all in one message.
        """
        self.chain = self.chain_of(args)
        if self.chain is not None:
            if faults := self.faults_of(self.chain, self._actions):
                self.error("\n".join(faults))
            self.set_defaults(**self.chain.content)
        return super().parse_known_args(args, namespace)
