"""Options of codec training; imports no torch, so that the command line can print its help at once."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class CodecTrainConf:
    """One codec training: every key of a ``conf/codec_*.yaml``."""

    codec: str = "spectral"
    codec_conf: dict = field(default_factory=dict)
    objective: str = "spectral"  # or waveform; vae; kmeans for units, which are fitted and not trained
    objective_conf: dict = field(default_factory=dict)
    adversary: str | None = None  # msstft with objectives waveform and vae, spectrum with spectral
    adversary_conf: dict = field(default_factory=dict)
    decoder_of: str | None = (
        None  # folder of a codec whose codes are kept: only what decodes them is trained on
    )
    reorganize_step: int | None = (
        None  # of codebooks that begin as groups (codec_conf: kept_of_groups): joined here
    )
    max_steps: int = 1000
    batch_size: int = 32  # segments a step, over all processes
    segment_s: float = 1.0  # s
    mixed_share: float = 0.0  # of the segments, that are sums of two utterances: a VAE encodes mixtures too
    prepare_segments: int = 400  # segments that statistics and tables are computed from before step 1
    prepare_frames: int = 200_000  # of units: frames that k-means is fitted to
    lr: float = 1e-3
    betas: tuple[float, float] = (0.8, 0.99)
    weight_decay: float = 0.01
    warmup_steps: int = 50
    final_lr_share: float = 0.02  # the learning rate falls to this share along a cosine; 1 keeps it
    grad_clip: float = 5.0  # 2-norm
    use_amp: bool = False  # networks compute in bfloat16, in float16 with a scaled loss on GPUs without it
    accum_grad: int = 1  # batches a step
    max_piece_s: float | None = None  # seconds of segments that a process computes at once
    max_skipped_updates: int = 10  # steps in a row without a finite gradient that end the training
    codebook_dropout: float = 0.3  # share of segments decoded from fewer codebooks
    codebook_choices: tuple[int, ...] = ()  # numbers to draw from; 1 .. K - 1 when empty
    valid_interval: int = 200  # steps
    valid_segments: int = 64
    checkpoint_interval: int = 200  # steps
    log_interval: int = 50  # steps
    num_workers: int = 2  # threads that read audio ahead
    seed: int = 0
    licence: str = "Apache-2.0"  # of the weights, as the training data allow
    use_tensorboard: bool = True
    use_matplotlib: bool = True

    def __post_init__(self):
        for name in ("betas", "codebook_choices"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # a YAML gives lists
        positive = (
            "max_steps batch_size segment_s prepare_segments prepare_frames lr grad_clip valid_interval valid_segments "
            "checkpoint_interval log_interval num_workers accum_grad max_skipped_updates"
        ).split()
        positive += ["max_piece_s"] if self.max_piece_s is not None else []
        wrong = [name for name in positive if not getattr(self, name) > 0]
        if wrong:
            raise ValueError(f"{', '.join(wrong)} must be positive.")
        if self.reorganize_step is not None and not 0 < self.reorganize_step < self.max_steps:
            raise ValueError(
                f"reorganize_step is {self.reorganize_step}, want a step from 1 to max_steps - 1, {self.max_steps - 1}."
            )
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas are {list(self.betas)}, want two numbers in [0, 1), as [0.8, 0.99].")
        if not all(choice >= 1 for choice in self.codebook_choices):
            raise ValueError(
                f"codebook_choices are {list(self.codebook_choices)}, want numbers of codebooks from 1 on."
            )
        if not 0 <= self.mixed_share <= 1:
            raise ValueError(f"mixed_share is {self.mixed_share}, want a share from 0 to 1.")
        if not 0 <= self.codebook_dropout <= 1 or not 0 <= self.final_lr_share <= 1 or self.warmup_steps < 0:
            raise ValueError(
                "codebook_dropout and final_lr_share are shares from 0 to 1, warmup_steps at least 0."
            )
