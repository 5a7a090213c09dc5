"""UniSE: tasks, their tokens, losses and decoding."""

import pytest
import torch
from torch.nn import functional as F

from espnet_tse.io.scp import DataError
from espnet_tse.lm.task_lm import TASKS, TaskLM, TaskLMConfig
from espnet_tse.models.unise import UniSE, UniSEConfig, UniSEDecode, enrolled, loudest_spans
from espnet_tse.schema import Codes, Conditions, Frames, Prediction, Request, Streams, TSEBatch
from espnet_tse.schema import tse_batch
from espnet_tse.schema.stream_spec import CodesSpec

HOP, RATE, N_G = 320, 16000, 3
SPECS = {"global": CodesSpec(1, 16, num_tokens=N_G), "semantic": CodesSpec(1, 20, hop_length=HOP)}


def small_lm(**conf) -> TaskLM:
    torch.manual_seed(0)
    sizes = {"num_layers": 2, "width": 16, "num_heads": 2, "feedforward": 32, "attention_dropout": 0.0}
    return TaskLM.from_config(TaskLMConfig(**{**sizes, **conf}), SPECS, RATE).eval()


def conditions_of(lengths, enrollment_lengths=None, width=16) -> Conditions:
    generator = torch.Generator().manual_seed(1)

    def frames(lengths):
        values = torch.randn(len(lengths), max(max(lengths), 1), width, generator=generator)[
            :, : max(lengths)
        ]
        frames = Frames(values, torch.tensor(lengths), 50.0)
        return Frames(values.masked_fill(frames.padding_mask[..., None], 0.0), frames.lengths, 50.0)

    streams = Streams(mixture=frames(lengths))
    if enrollment_lengths is not None:
        streams["enrollment"] = frames(enrollment_lengths)
    return Conditions(streams)


def codes_of(lengths) -> tuple[Codes, Codes]:
    generator = torch.Generator().manual_seed(2)
    lengths = torch.tensor(lengths)
    values = torch.randint(20, (len(lengths), 1, int(lengths.max())), generator=generator)
    codes = Codes(values, lengths, 50.0)
    values.masked_fill_(codes.padding_mask[:, None], -1)
    voices = torch.randint(16, (len(lengths), 1, N_G), generator=generator)
    return Codes(voices, torch.full_like(lengths, N_G), None), codes


def numbers(*names: str) -> torch.Tensor:
    return torch.tensor([TASKS.index(name) for name in names])


def test_paper_size_has_the_papers_parameters():
    with torch.device("meta"):
        specs = {"global": CodesSpec(1, 4096, num_tokens=32), "semantic": CodesSpec(1, 8192, hop_length=320)}
        lm = TaskLM.from_config(TaskLMConfig(), specs, RATE)
        adapter = torch.nn.Linear(768, lm.width)
    count = lambda part: sum(parameter.numel() for parameter in part.parameters())
    tables = [lm.task_table, lm.begin_enrollment, lm.begin_mixture]
    assert count(lm) - sum(map(count, tables)) == 62_930_432
    assert count(lm) + count(adapter) == 63_326_720
    assert lm.vocabulary.size == 12_291
    assert lm.vocabulary.range("global") == (3, 4099) and lm.vocabulary.range("semantic") == (4099, 12_291)


def test_lengths_of_five_seconds():
    """One task token, an enrollment of 250 frames with its own, the mixture, then tokens."""
    lm = small_lm()
    assert lm.prompt(conditions_of([250]), numbers("sr")).values.size(1) == 252
    assert lm.prompt(conditions_of([250], [250]), numbers("tse")).values.size(1) == 503
    voices, codes = codes_of([250])
    assert lm.hidden_states(conditions_of([250]), numbers("sr"), voices, codes).size(1) == 1 + N_G + 1 + 250


@pytest.mark.parametrize("added", [False, True])
def test_a_row_without_enrollment_among_others_is_as_alone(added):
    lm = small_lm(frame_synchronous=True, add_enrollment=added)
    voices, codes = codes_of([6, 6])
    mixed = lm.hidden_states(conditions_of([6, 6], [4, 0]), numbers("tse", "sr"), voices, codes)
    both = conditions_of([6, 6], [4, 0])
    alone = Conditions(Streams(mixture=both.streams["mixture"].rows(torch.tensor([1]))))
    index = torch.tensor([1])
    single = lm.hidden_states(alone, numbers("sr"), voices.rows(index), codes.rows(index))
    torch.testing.assert_close(mixed[1:], single, atol=1e-5, rtol=1e-5)


def test_the_enrollments_mean_reaches_every_semantic_token_but_by_its_task():
    lm = small_lm(frame_synchronous=True, add_enrollment=True)
    conditions, other = conditions_of([6], [4]), conditions_of([6], [4])
    before = lm.added(conditions, numbers("tse"), 6)
    assert torch.all(before[:, : N_G + 1] == 0)
    other.streams["enrollment"].values[0, 2] += 1.0
    difference = lm.added(other, numbers("tse"), 6) - before
    torch.testing.assert_close(
        difference[:, N_G + 1 :], difference[:, N_G + 1 :][:, :1].expand(-1, 6, -1), atol=1e-6, rtol=1e-5
    )
    assert torch.all(difference[:, N_G + 1 :].abs().sum(dim=2) > 0)
    assert not torch.allclose(lm.added(conditions, numbers("rtse"), 6), before)
    with pytest.raises(ValueError, match="add_enrollment adds to the mixture's frames of frame_synchronous"):
        small_lm(add_enrollment=True)


def test_tokens_do_not_see_what_follows_and_see_every_condition():
    lm = small_lm()
    voices, codes = codes_of([5])
    conditions = conditions_of([6], [4])

    def states(conditions, voices, codes, task="tse"):
        return lm.hidden_states(conditions, numbers(task), voices, codes)[0]

    before = states(conditions, voices, codes)
    changed = codes.values.clone()
    changed[0, 0, 2] = (changed[0, 0, 2] + 1) % 20
    after = states(conditions, voices, Codes(changed, codes.lengths, 50.0))
    place = 1 + N_G + 1 + 2
    assert torch.equal(before[:place], after[:place]) and not torch.equal(before[place:], after[place:])
    assert not torch.equal(before[0], states(conditions, voices, codes, "rtse")[0])
    for name in ("mixture", "enrollment"):
        for frame in range(conditions.streams[name].values.size(1)):
            other = conditions_of([6], [4])
            other.streams[name].values[0, frame] += 1.0
            assert not torch.equal(before[0], states(other, voices, codes)[0])
    swapped = Conditions(
        Streams(mixture=conditions.streams["enrollment"], enrollment=conditions.streams["mixture"])
    )
    assert not torch.allclose(before[0], states(swapped, voices, codes)[0])


def request_of(lengths, conf=UniSEDecode(), given=None) -> Request:
    keys = [str(row) for row in range(len(lengths))]
    return Request(torch.tensor(lengths) * HOP, keys, conf, given)


@pytest.mark.parametrize("synchronous, added", [(False, False), (True, False), (True, True)])
def test_cached_tokens_equal_recomputed_ones_and_lie_in_their_streams(synchronous, added):
    lm = small_lm(frame_synchronous=synchronous, add_enrollment=added)
    conditions, tasks = conditions_of([7, 5], [4, 6]), numbers("tse", "rtse")
    fast = lm.generate(conditions, tasks, request_of([7, 5]))
    slow = lm.generate(conditions, tasks, request_of([7, 5], UniSEDecode(use_cache=False)))
    for name, size in (("global", 16), ("semantic", 20)):
        values = fast.streams[name].values
        assert torch.equal(values, slow.streams[name].values)
        valid = ~fast.streams[name].padding_mask[:, None]
        assert 0 <= int(values[valid].min()) and int(values[valid].max()) < size
    assert fast.streams["global"].values.shape == (2, 1, N_G)
    assert fast.streams["semantic"].lengths.tolist() == [7, 5]
    assert fast.num_function_evaluations == N_G + 1 + 7


def test_greedy_tokens_are_the_likeliest_of_teacher_forcing():
    """Every predicted token, the last global one before S among them, is in the history of the next."""
    lm = small_lm(frame_synchronous=True)
    conditions, tasks = conditions_of([7], [4]), numbers("tse")
    prediction = lm.generate(conditions, tasks, request_of([7]))
    hidden = lm.hidden_states(conditions, tasks, prediction.streams["global"], prediction.streams["semantic"])
    logits = lm.span_logits(hidden)
    assert torch.equal(logits.globals.argmax(-1), prediction.streams["global"].values[:, 0])
    assert torch.equal(logits.semantic.argmax(-1), prediction.streams["semantic"].values[:, 0])


def test_given_global_tokens_are_kept_and_heard():
    lm = small_lm(frame_synchronous=True)
    conditions, tasks = conditions_of([7], [4]), numbers("tse")
    free = lm.generate(conditions, tasks, request_of([7]))
    given = Prediction(Streams({"global": free.streams["global"]}))
    same = lm.generate(conditions, tasks, request_of([7], given=given))
    assert torch.equal(same.streams["semantic"].values, free.streams["semantic"].values)
    other = Codes((free.streams["global"].values + 5) % 16, torch.tensor([N_G]), None)
    forced = lm.generate(conditions, tasks, request_of([7], given=Prediction(Streams({"global": other}))))
    assert torch.equal(forced.streams["global"].values, other.values)
    hidden = lm.hidden_states(conditions, tasks, other, forced.streams["semantic"])
    likeliest = lm.span_logits(hidden).semantic.argmax(-1)
    assert torch.equal(likeliest, forced.streams["semantic"].values[:, 0])


@pytest.mark.parametrize("use_cache", [True, False])
def test_given_global_tokens_stay_causal_behind_conditions_that_see_each_other(use_cache):
    lm = small_lm(prefix_bidirectional=True)
    for parameter in lm.parameters():  # or the likeliest tokens hardly depend on what is seen
        parameter.data += 0.3 * torch.randn_like(parameter)
    conditions, tasks = conditions_of([40, 33], [14, 16]), numbers("tse", "rtse")
    conf = UniSEDecode(use_cache=use_cache)
    free = lm.generate(conditions, tasks, request_of([40, 33], conf))
    given = Prediction(Streams({"global": free.streams["global"]}))
    same = lm.generate(conditions, tasks, request_of([40, 33], conf, given))
    assert torch.equal(same.streams["semantic"].values, free.streams["semantic"].values)


def test_labels_of_the_whole_vocabulary_have_the_second_begin_and_the_end():
    lm = small_lm()
    voices, codes = codes_of([4, 2])
    labels = lm.vocabulary_labels(voices, codes)
    assert labels.shape == (2, N_G + 2 + 4)
    assert torch.equal(labels[:, :N_G], 3 + voices.values[:, 0])
    assert labels[:, N_G].tolist() == [1, 1]
    assert labels[0, N_G + 1 :].tolist() == [*(19 + codes.values[0, 0]).tolist(), 2]
    assert labels[1, N_G + 1 :].tolist() == [*(19 + codes.values[1, 0, :2]).tolist(), 2, -1, -1]


def test_a_tokenizer_without_global_codes_is_refused():
    with pytest.raises(ValueError, match="task_lm wants a tokenizer of 'global' codes"):
        TaskLM.from_config(TaskLMConfig(), {"semantic": CodesSpec(1, 20, hop_length=HOP)}, RATE)


# --- the model ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model() -> UniSE:
    from espnet_tse.codec.spectral_bicodec import SpectralBiCodec, SpectralBiCodecConfig
    from espnet_tse.encoder.adapter import AdapterConfig, AdapterEncoder
    from espnet_tse.frontend.log_mel import LogMel, LogMelConfig
    from espnet_tse.models.unise import specs_of
    from espnet_tse.vocoder.codec_decoder import CodecDecoder

    torch.manual_seed(3)
    sizes = {"embedding_dim": 8, "encoder_channels": 8, "encoder_blocks": 1, "decoder_channels": 8}
    codec = SpectralBiCodec(
        SpectralBiCodecConfig(
            n_fft=640,
            codebook_size=16,
            decoder_blocks=1,
            num_globals=4,
            num_dims=2,
            voice_channels=8,
            griffin_lim_iterations=2,
            **sizes,
        )
    ).eval()
    lm = TaskLM.from_config(
        TaskLMConfig(num_layers=1, width=16, num_heads=2, feedforward=32, attention_dropout=0.0),
        **specs_of({"acoustic": codec}),
    )
    frontend = LogMel(LogMelConfig(hop_length=320, num_mels=20))
    encoder = AdapterEncoder(frontend, AdapterConfig(40.0, 0.05), lm.width)
    return UniSE(UniSEConfig(), encoder, lm, CodecDecoder(codec)).eval()


def batch_of(model, lengths=(8000, 6000), task="tse", enrollment=True) -> TSEBatch:
    generator = torch.Generator().manual_seed(4)
    lengths = torch.tensor(lengths)
    mixture = torch.randn(len(lengths), int(lengths.max()), generator=generator) * 0.1
    for row, length in enumerate(lengths.tolist()):
        mixture[row, length:] = 0.0
    enrolled = {}
    if enrollment:
        enrolled = {
            "enrollment": torch.randn(len(lengths), 5000, generator=generator) * 0.1,
            "enrollment_lengths": torch.full_like(lengths, 5000),
        }
    targets = model.vocoder.codec.tokenize(mixture, lengths)
    return TSEBatch(mixture, lengths, sample_rate=RATE, task=task, targets=targets, **enrolled)


@pytest.mark.parametrize("task, enrollment", [("tse", True), ("rtse", True), ("sr", False)])
def test_every_task_gives_a_waveform_of_the_mixtures_length(model, task, enrollment):
    batch = batch_of(model, task=task, enrollment=enrollment)
    estimate = model.extract(batch)
    assert estimate.waveform.shape == (2, 8000) and estimate.second is None
    assert not estimate.waveform[1, 6000:].any() and estimate.waveform[1, :6000].any()
    with pytest.raises(ValueError, match="enrollment"):
        model.extract(batch_of(model, task=task, enrollment=not enrollment))


@pytest.mark.parametrize("which", ["restored", "extracted"])
def test_separation_is_the_cascade_by_hand(model, which):
    batch = batch_of(model, task="ss", enrollment=False)
    conf = UniSEDecode(separation_enrollment=which, level="none")
    estimate = model.extract(batch, conf)
    assert estimate.waveform.shape == estimate.second.shape == (2, 8000)
    restored = model.extract(batch_of(model, task="sr", enrollment=False), conf)

    def extracted(task, enrollment):
        again = batch_of(model, task=task, enrollment=False)
        again.enrollment, again.enrollment_lengths = enrollment.waveform, enrollment.lengths
        return model.extract(again, conf)

    first = extracted("tse", restored)
    second = extracted("rtse", restored if which == "restored" else first)
    torch.testing.assert_close(estimate.waveform, first.waveform, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(estimate.second, second.waveform, atol=1e-5, rtol=1e-4)
    shares = model.equal_shares(first.waveform, second.waveform, batch.mixture_lengths)
    assert estimate.diagnostics["second_talker"] == [share < conf.same_talker for share in shares]
    assert estimate.diagnostics["level_db"] == first.diagnostics["level_db"]


def test_reverse_extraction_is_enrolled_by_the_loudest_span_of_what_was_extracted(model, monkeypatch):
    used = []

    def spied(batch, enrollment, lengths, tasks):
        used.append((enrollment, lengths))
        return enrolled(batch, enrollment, lengths, tasks)

    monkeypatch.setattr("espnet_tse.models.unise.enrolled", spied)
    conf = UniSEDecode(
        separation_enrollment="extracted", level="none", max_chunk_s=0.25, overlap_s=0.05, sampling=True
    )
    batch = batch_of(model, (12000, 3000), task="ss", enrollment=False)
    estimate, (enrollment, lengths) = model.extract(batch, conf), used[1]
    assert lengths.tolist() == [4000, 3000]
    energies = estimate.waveform[0].unfold(0, 4000, 1).square().sum(dim=1)
    torch.testing.assert_close(enrollment[0].square().sum(), energies.max())
    assert energies[0] < 0.95 * energies.max()  # the first span would be another
    assert torch.equal(enrollment[1, :3000], estimate.waveform[1, :3000])


def test_equal_outputs_are_one_talker(model):
    batch = batch_of(model)
    assert model.equal_shares(batch.mixture, batch.mixture, batch.mixture_lengths) == [1.0, 1.0]


def test_mixed_tasks_have_the_losses_of_each_alone(model):
    mixed = batch_of(model, (8000, 8000))
    mixed.tasks = torch.tensor([tse_batch.TASKS.index(name) for name in ("rtse", "sr")])
    mixed.enrollment_lengths = torch.tensor([5000, 0])
    losses = []
    for row, task in enumerate(("rtse", "sr")):
        alone = mixed.rows(torch.tensor([row]))
        alone.tasks, alone.task = None, task
        if task == "sr":
            alone.enrollment = alone.enrollment_lengths = None
        losses.append(model.loss(alone)[0])
    torch.testing.assert_close(model.loss(mixed)[0], torch.stack(losses).mean(), atol=1e-5, rtol=1e-5)


def test_rows_that_all_lack_an_enrollment(model):
    batch = batch_of(model)
    batch.tasks = torch.full((2,), tse_batch.TASKS.index("sr"))
    batch.enrollment_lengths = torch.tensor([0, 0])
    without = batch_of(model, task="sr", enrollment=False)
    torch.testing.assert_close(model.loss(batch)[0], model.loss(without)[0], atol=1e-6, rtol=1e-6)


def test_the_whole_vocabulary_is_an_option(model):
    batch = batch_of(model)
    other = UniSE(
        UniSEConfig(whole_vocabulary=True, global_weight=1.0, label_smoothing=0.0),
        *(model.encoder, model.lm, model.vocoder),
    ).eval()
    loss, stats = other.loss(batch)
    hidden = model.lm.hidden_states(
        model.encoder(batch), numbers("tse", "tse"), batch.targets["global"], batch.targets["semantic"]
    )
    labels = model.lm.vocabulary_labels(batch.targets["global"], batch.targets["semantic"])
    plain = F.cross_entropy(model.lm.head(hidden).flatten(0, 1), labels.flatten(), ignore_index=-1)
    torch.testing.assert_close(loss, plain)


def test_random_tokens_are_for_training_alone_and_leave_padding(model):
    codes = batch_of(model).targets["semantic"]
    torch.manual_seed(0)
    drawn = model.with_random_tokens(Codes(codes.values.repeat(1, 1, 1), codes.lengths, 50.0))
    assert torch.equal(drawn.values == -1, codes.values == -1)
    many = Codes(torch.zeros(400, 1, 500, dtype=torch.int64), torch.full((400,), 500), 50.0)
    shares = (model.with_random_tokens(many).values != 0).float().mean(dim=2)
    size = model.lm.specs["semantic"].codebook_size
    assert shares.mean() == pytest.approx(0.1 * (size - 1) / size, abs=0.01)
    assert shares.min() < 0.02 and 0.16 < shares.max() < 0.26  # of a row up to twice as many
    assert model.loss(batch_of(model))[0] == model.loss(batch_of(model))[0]


def test_a_batch_without_codes_is_an_error(model):
    batch = batch_of(model)
    batch.targets = Streams()
    with pytest.raises(DataError, match="this system learns from the target's global codes"):
        model.loss(batch)


@pytest.mark.parametrize(
    "settings, message",
    [
        (
            {"separation_enrollment": "first"},
            "separation_enrollment 'first' is neither restored nor extracted",
        ),
        ({"same_talker": 0.0}, "same_talker is 0.0"),
    ],
)
def test_wrong_settings_are_errors(settings, message):
    with pytest.raises(ValueError, match=message):
        UniSEDecode(**settings)


def test_the_loudest_span_is_found():
    signal = torch.zeros(2, 100)
    signal[0, 60:70] = 1.0
    signal[1, :5] = 1.0
    starts, lengths = loudest_spans(signal, torch.tensor([100, 8]), 10)
    assert starts.tolist() == [60, 0] and lengths.tolist() == [10, 8]
