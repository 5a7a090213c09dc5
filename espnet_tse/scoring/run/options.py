"""The options of a scoring run."""

from dataclasses import asdict, dataclass
from pathlib import Path

from espnet_tse.scoring.measure.weight_files import Places


@dataclass(frozen=True)
class ScoringOptions:
    """What the user asked for; fields are the command-line options of ``score``.

    "" stands for what the preset says (``with_preset``).
    """

    inf_scp: Path | None
    output_dir: Path
    inf_dir: Path | None = None
    inf_pattern: str = "{utt}.wav"
    ref_scp: Path | None = None
    mix_scp: Path | None = None
    enroll_scp: Path | None = None
    intf_scp: tuple[Path, ...] = ()
    absent: str = ""
    text: Path | None = None
    intf_text: tuple[Path, ...] = ()
    utt2spk: Path | None = None
    intf_utt2spk: tuple[Path, ...] = ()
    spk2gender: Path | None = None
    external: tuple[str, ...] = ()
    utt2rtf: Path | None = None
    preset: str = "offline"
    metrics: str = ""
    asr: tuple[str, ...] = ()
    text_norm: str = ""
    unit: str = ""
    length: str = ""
    align: str = ""
    level: str = ""
    missing: str = "error"
    ref_channel: int = 0
    allow_upsample: bool = False
    skip_unavailable: bool = False
    model_dir: Path | None = None
    dnsmos_dir: Path | None = None
    ci_unit: str = "utt"
    flag: tuple[str, ...] = ()
    candidates: int = 1
    system: str = ""
    test_set: str = ""
    cache_dir: Path | None = None
    resume: bool = True
    nj: int = 1
    shard: str = ""
    force: bool = False

    @property
    def places(self) -> Places:
        """Where weights are looked for."""
        return Places(self.model_dir, self.dnsmos_dir)


def plain_options(options: ScoringOptions) -> dict:
    """Options as JSON values, without those that cannot change a result."""
    ignored = ("nj", "shard", "cache_dir", "resume", "output_dir", "system", "test_set", "model_dir")
    content = {k: v for k, v in asdict(options).items() if k not in ignored}
    return {
        k: [str(x) for x in v] if isinstance(v, tuple) else str(v) if isinstance(v, Path) else v
        for k, v in content.items()
    }
