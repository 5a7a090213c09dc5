"""What a measure's values depend on besides the signals; it keys the caches and signs the results."""

import logging
from pathlib import Path

from espnet_tse.io.files import sha256_of
from espnet_tse.scoring.asr.option import AsrSpec
from espnet_tse.scoring.asr.whisper_weights import loaded_files, unlike_published
from espnet_tse.scoring.measure.card import Measure
from espnet_tse.scoring.measure.registry import MEASURES
from espnet_tse.scoring.measure.weight_files import WEIGHTS, Places
from espnet_tse.scoring.measure.weights import find_weight, package_version, sha256, weight_sha256

log = logging.getLogger("espnet_tse.scoring")


def describe(measure: Measure, places: Places) -> dict:
    """Version, settings, versions of packages and hashes of weights."""
    # "2.11.0+cpu" and "2.11.0+cu128" are one version.
    versions = {name: (package_version(name) or "").split("+")[0] for name in measure.packages}
    hashes = {name: weight_sha256(name, places) for name in measure.weights}
    for name, digest in hashes.items():
        if not digest.startswith(WEIGHTS[name].sha256):
            _warn(find_weight(name, places), digest)
    return {
        "version": measure.version,
        "settings": measure.settings,
        "packages": versions,
        "weights_sha256": hashes,
    }


def describe_recogniser(spec: AsrSpec, places: Places) -> dict:
    """As ``describe``; of a Whisper, the weights are those that its option names."""
    part = describe(MEASURES[spec.kind], places)
    part["settings"] = part["settings"] | spec.settings
    if spec.grammar is not None:
        part["grammar_sha256"] = sha256_of(spec.grammar)
    if spec.weights is not None:
        digest = sha256(spec.weights, loaded_files(spec))
        part["weights_sha256"] = {spec.weights.name: digest}
        if unlike_published(spec, digest):
            _warn(spec.weights, digest)
    return part


def _warn(path: Path, digest: str) -> None:
    log.warning("%s is not the known file (sha256 %s...): scores may not be comparable", path, digest[:8])
