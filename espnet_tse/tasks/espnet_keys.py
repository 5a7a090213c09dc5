"""Keys of ESPnet2's TSE YAMLs (espnet 202511, ``espnet2/tasks/enh_tse.py``): what each is here, or that it is nothing."""

# Of extractor_conf: ESPnet's default, and the key of ours that has the same meaning (None: translated with others).
EXTRACTOR: dict[str, tuple[object, str | None]] = {
    "layer": (8, "num_blocks"),
    "stack": (3, "num_repeats"),
    "bottleneck_dim": (128, "width"),
    "hidden_dim": (512, "hidden"),
    "skip_dim": (128, None),
    "kernel": (3, "kernel"),
    "causal": (False, "causal"),
    "norm_type": ("gLN", None),
    "pre_nonlinear": ("prelu", "score_activation"),
    "nonlinear": ("relu", "mask_activation"),
    "i_adapt_layer": (7, "adapted_block"),
    "adapt_layer_type": ("mul", None),
    "adapt_enroll_dim": (128, None),
    "use_spk_emb": (False, None),
    "spk_emb_dim": (256, None),
}
NORMS = {"gLN": "sequence", "cLN": "frame"}
FUSIONS = {"mul": "multiply", "muladd": "film", "concat": "concat"}
NORM_EPS = 1.1920928955078125e-07  # of float32, which ESPnet's norms add to the variance

# Of encoder_conf and decoder_conf of ``conv``.
FILTERS = {"channel": "num_filters", "kernel_size": "filter_size", "stride": "hop_length"}

# Criteria by their names in ``criterions``, and the names of their values in best_model_criterion.
CRITERIA = {"si_snr": "si_sdr", "snr": "snr"}
VALUES = {"loss": "loss", "si_snr_loss": "loss_si_sdr", "snr_loss": "loss_snr"}

# Keys of YAMLs of other kinds, which are taken for one of the TSE task.
NO_TSE = {
    "separator": "is of ESPnet's enhancement task; want a YAML of its TSE task, with an extractor",
    "model": "is of a YAML of this package, which needs no translation",
}

# Keys of the task without a place in a YAML of ours: what serves instead, and ESPnet's default.
ELSEWHERE: dict[str, tuple[object, str]] = {
    "train_spk2enroll": (
        None,
        "enrollments of training are drawn from the data directory (doc/data_format.md)",
    ),
    "load_all_speakers": (False, "each enroll_spk<n>.scp of a data directory is a target, a row of its own"),
    "num_spk": (
        1,
        "rows have one target; speakers of mixtures made while training: num_speakers of mixing.yaml",
    ),
    "flexible_numspk": (False, "rows have one target, whatever the number of speakers"),
    "sample_rate": (8000, "only mixing with noise reads it there; here --sample_rate says the rate"),
    "rir_scp": (None, "rir_scp of mixing.yaml"),
    "rir_apply_prob": (1.0, "reverb_share of mixing.yaml"),
    "noise_scp": (None, "noise_scp of mixing.yaml"),
    "noise_apply_prob": (1.0, "noise_share of mixing.yaml"),
    "noise_db_range": ("13_15", "snr_db of mixing.yaml"),
    "init": (None, "no counterpart: weights begin as PyTorch's layers do"),
    "short_noise_thres": (0.5, "no counterpart: noise is repeated to the length"),
    "speech_volume_normalize": (
        None,
        "no counterpart: extractors bring signals to one level, levelled: true",
    ),
    "use_reverberant_ref": (
        False,
        "no counterpart: the target of mixing.yaml is what the room's direct path gives",
    ),
    "num_noise_type": (1, "no counterpart: one list of noise"),
    "force_single_channel": (False, "nothing to set: stage 2 makes all audio mono"),
    "channel_reordering": (False, "no counterpart: all audio is mono"),
    "categories": ([], "no counterpart"),
    "avoid_allzero_segment": (True, "no counterpart: rows without a target count in no loss of waveforms"),
    "preprocessor": ("tse", "no counterpart"),
    "use_preprocessor": (True, "no counterpart"),
    "preprocessor_conf": ({}, "no counterpart"),
}

# Keys that ``espnet_config`` reads.
TRANSLATED = frozenset(
    "encoder encoder_conf extractor extractor_conf decoder decoder_conf model_conf criterions enroll_segment "
    "speech_segment load_spk_embedding iterator_type chunk_length best_model_criterion val_scheduler_criterion "
    "early_stopping_criterion".split()
)

# Options of training that mean places or processes of the training there, or names of its weights.
LOCAL = {
    "init_param": "names weights of ESPnet; import them with --checkpoint",
    "ignore_init_mismatch": "goes with init_param",
    "freeze_param": "names weights of ESPnet; name ours",
}
OF_ONE_RUN = frozenset(
    "config output_dir dry_run print_config log_level ngpu seed_worker dist_backend dist_init_method dist_launcher "
    "dist_master_addr dist_master_port dist_rank dist_world_size local_rank multiprocessing_distributed resume required "
    "version distributed collect_stats train_data_path_and_name_and_type valid_data_path_and_name_and_type "
    "train_shape_file valid_shape_file wandb_id wandb_name wandb_entity wandb_project num_att_plot".split()
)
