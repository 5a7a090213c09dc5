"""How an extraction is carried out; the content of an inference YAML."""

from dataclasses import dataclass, fields

from espnet_tse.io.nearest_name import check_known

LENGTH_MODES = ("exact", "bounded", "eos")
LEVELS = ("mixture_rms", "mixture_peak", "none")
OUTPUTS = ("generative", "discriminative")


@dataclass(frozen=True)
class DecodeConf:
    """Settings of ``extract``; systems read the fields that concern them."""

    sampling: bool = False  # False: the most likely token (greedy); True: draw
    top_k: int = 0  # draw among the k likeliest tokens; 0: no limit
    top_p: float = 1.0  # draw within the smallest set of this probability mass
    temperature: float = 1.0  # divides the logits before drawing
    seed: int = 0  # with the utterance id it seeds each row's own draws
    length_mode: str = "exact"  # exact: the target's known length; bounded: an end from 0.9 K on; eos: any
    max_chunk_s: float = 15.0  # longer mixtures are extracted in overlapping chunks
    overlap_s: float = 1.0  # of neighbouring chunks, cross-faded
    level: str = "mixture_rms"  # what the estimate's level follows
    refine: bool = True  # False: the codec decodes the n predicted codebooks as they are ("No-Encoder")
    give_enrollment: bool = False  # "Ref output": the enrollment's codes are given, not predicted
    use_cache: bool = True  # False: every step recomputes the whole sequence (for checks only)
    # Of systems with a discriminative front-end (USEF-Laura-TSE).
    output: str = "generative"  # "discriminative": the front-end's own output (O = D)
    autoregressive: bool = True  # False (NAR): one pass with the codes of the front-end's output as history
    injection_ratio: float = 0.0  # R: NAR takes its codes for so large a share of those it would change

    def __post_init__(self):
        faults = []
        if self.length_mode not in LENGTH_MODES:
            faults.append(f"length_mode '{self.length_mode}' is none of {list(LENGTH_MODES)}")
        if self.level not in LEVELS:
            faults.append(f"level '{self.level}' is none of {list(LEVELS)}")
        if self.top_k < 0:
            faults.append(f"top_k is {self.top_k}, want 0 (no limit) or more")
        if not 0.0 < self.top_p <= 1.0:
            faults.append(f"top_p is {self.top_p}, want a share in (0, 1]")
        if self.temperature <= 0.0:
            faults.append(f"temperature is {self.temperature}, want a positive number (greedy: sampling: false)")
        if not 0.0 < self.overlap_s < self.max_chunk_s / 2:
            faults.append(f"overlap_s {self.overlap_s} wants to lie between 0 and half of max_chunk_s {self.max_chunk_s}")
        faults += self.faults_of_front_end()
        if faults:
            raise ValueError("inference config: " + "; ".join(faults) + ".")

    def faults_of_front_end(self) -> list[str]:
        """What is wrong with the settings that are for systems with a front-end."""
        faults = []
        if self.output not in OUTPUTS:
            faults.append(f"output '{self.output}' is none of {list(OUTPUTS)}")
        if not 0.0 <= self.injection_ratio <= 1.0:
            faults.append(f"injection_ratio is {self.injection_ratio}, want a share in [0, 1]")
        elif self.autoregressive and self.injection_ratio:
            faults.append(f"injection_ratio {self.injection_ratio} is for autoregressive: false; set it too")
        if not self.autoregressive and self.output == "discriminative":
            faults.append("output: discriminative generates nothing; leave out autoregressive: false")
        if not self.autoregressive and (self.sampling or self.length_mode != "exact" or self.give_enrollment):
            faults.append(
                "autoregressive: false takes the likeliest codes of as many frames as the mixture has; leave out "
                "sampling, length_mode and give_enrollment"
            )
        return faults

    @property
    def front_end_settings(self) -> list[str]:
        """Those that differ from their defaults and want a system with a front-end, as in a YAML."""
        return self.changed("output", "autoregressive", "injection_ratio")

    @property
    def generative_settings(self) -> list[str]:
        """Those that differ from their defaults and want a system that generates codes, as in a YAML."""
        drawing = ("sampling", "top_k", "top_p", "temperature")
        return self.changed(*drawing, "length_mode", "refine", "give_enrollment")

    def changed(self, *names: str) -> list[str]:
        """``name: value`` of the settings that differ from their defaults."""
        defaults = {field.name: field.default for field in fields(self)}
        return [f"{name}: {getattr(self, name)}" for name in names if getattr(self, name) != defaults[name]]

    @classmethod
    def from_dict(cls, conf: dict, where: str = "inference config") -> "DecodeConf":
        """Build from a YAML mapping; an unknown key is an error with the nearest known name."""
        check_known(conf, [f.name for f in fields(cls)], where=where)
        return cls(**conf)
