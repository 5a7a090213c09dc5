"""Lists for the VERSA scorer: ``--export_versa``."""

import shlex
from pathlib import Path

from espnet_tse.io.scp import write_scp
from espnet_tse.scoring.run.absent_targets import is_absent
from espnet_tse.scoring.run.plan import ScoringPlan


def export_versa(plan: ScoringPlan, folder: Path) -> str:
    """Write pred.scp, gt.scp and text, as far as they are given, with equal keys.

    Missing estimates have no line, because VERSA has no notion of them, nor have utterances whose target is absent.
    ``--external`` reads its scores and counts what is missing.

    Returns:
        the command line of VERSA's scorer for them, with its example of a configuration: which metrics it computes
        is chosen there.
    """
    scored = [u for u in plan.utterances if u.inf is not None and not is_absent(plan.options, u)]
    write_scp(folder / "pred.scp", {u.key: u.inf for u in scored})
    options = ["--pred", str(folder / "pred.scp")]
    with_target = {u.key: u.ref for u in scored if u.ref is not None}
    if with_target:
        write_scp(folder / "gt.scp", with_target)
        options += ["--gt", str(folder / "gt.scp")]
    if plan.text:
        write_scp(folder / "text", {u.key: plan.text[u.key] for u in scored if plan.text.get(u.key)})
        options += ["--text", str(folder / "text")]
    options += ["--output_file", str(folder / "versa.jsonl"), "--io", "soundfile"]
    # The placeholder stays unquoted so that the shell refuses it: only the user knows where VERSA is.
    return f"python <VERSA>/versa/bin/scorer.py --score_config <VERSA>/egs/speech.yaml {shlex.join(options)}"
