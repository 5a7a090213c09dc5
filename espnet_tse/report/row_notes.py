"""Lines below a table that concern some of its rows: one line per note, with the systems it concerns."""

import re
from collections import Counter
from typing import Any, Iterable

from espnet_tse.scoring.result.scored_set import ScoredSet

# The head of a remark that may differ between systems: "48 % of the estimates", "1 of 60 excluded".
FIGURE = re.compile(r"(\d+(?:\.\d+)? %|\d+ of \d+|) ?(.*)", re.DOTALL)


def grouped(remarks: Iterable[tuple[str, str]]) -> list[str]:
    """(system, remark) pairs -> ``a, b: 1 of 60 excluded``, ``a: 48 %; b: 12 % of the estimates ...``."""
    texts: dict[str, dict[str, list[str]]] = {}
    for system, remark in remarks:
        figure, text = FIGURE.fullmatch(remark).groups()
        texts.setdefault(text, {}).setdefault(figure, []).append(system)
    lines = []
    for text, figures in texts.items():
        heads = [f"{', '.join(systems)}: {figure}".rstrip() for figure, systems in figures.items()]
        lines.append(f"{'; '.join(heads)} {text}")
    return lines


def other_versions(results: list[ScoredSet]) -> list[str]:
    """Which rows were scored with another commit or other packages than most; ties go to the last rows."""
    known = {result.system: versions_of(result.meta) for result in reversed(results)}
    lines = []
    for name in sorted({name for versions in known.values() for name in versions}):
        values = {system: versions[name] for system, versions in known.items() if name in versions}
        usual = Counter(values.values()).most_common(1)[0][0]
        others: dict[str, list[str]] = {}
        for result in results:
            if values.get(result.system, usual) != usual:
                others.setdefault(values[result.system], []).append(result.system)
        if others:
            listed = "; ".join(f"{version} ({', '.join(systems)})" for version, systems in others.items())
            lines.append(f"Scored by another version of {name} than {usual} of the other rows: {listed}")
    return lines


def versions_of(meta: dict[str, Any]) -> dict[str, str]:
    """Package -> version as recorded with the scores; the toolkit's with its commit."""
    versions = package_versions(meta)
    commit = str(meta.get("commit") or meta.get("git_hash") or "not recorded")
    commit = re.sub(r"\b([0-9a-f]{7})[0-9a-f]+", r"\1", commit)
    return versions | {"espnet_tse": f"{versions.get('espnet_tse', '')} commit {commit}".lstrip()}


def package_versions(meta: dict[str, Any]) -> dict[str, str]:
    """Package -> version as recorded with the scores."""
    recorded = meta.get("versions") or meta.get("package_versions") or {}
    return {str(name): str(version) for name, version in recorded.items() if version}
