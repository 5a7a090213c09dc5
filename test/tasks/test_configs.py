"""Every YAML of the recipes: known keys, values in range, a model of the stated size."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from bicodec_reference import write_xlsr
from factories import TableCodec, make_batch
from tse_system import write_wavlm

from espnet_tse.codec.abs_autoencoder import AbsAutoencoder
from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.codec.bicodec import BiCodec
from espnet_tse.codec.load import codec_choices
from espnet_tse.codec.spectral_bicodec import SpectralBiCodec
from espnet_tse.codec.units import AbsUnits
from espnet_tse.extractor.speaker_wavlm import SpeakerWavLM
from espnet_tse.io.yaml_chain import BASE, marked, overlay, read_chain, values_of
from espnet_tse.io.yaml_file import read_yaml
from espnet_tse.models.gentse import GenTSESemantic
from espnet_tse.schema import CodecSpec, Frames
from espnet_tse.tasks import build, tse
from espnet_tse.tasks.checkpoint import load_model
from espnet_tse.tasks.codec import read_train_conf
from espnet_tse.tasks.decode_settings import check_alone, read_decode_settings
from espnet_tse.tasks.option_faults import faults_of_choices
from espnet_tse.tasks.shipped import SHIPPED
from espnet_tse.train.optimization import faults_of_optimization

RECIPES = Path(__file__).resolve().parents[2] / "egs2"
TEMPLATE = RECIPES / "TEMPLATE/tse1/conf"
# The conf/ of recipes is that of the template; what they have of their own lies in local/conf.
CONFIGS = sorted([*TEMPLATE.glob("*.yaml"), *RECIPES.glob("*/*/local/conf/*.yaml")])
KINDS = ("codec", "decode")
SYSTEMS = [path for path in CONFIGS if not path.name.startswith(KINDS)]
MODELS_WITHOUT_CODEC = ("discriminative", "mel_mask", "mask2flow", "flow_tse", "diff_tse", "corrector")
WITHOUT_CODEC = [path for path in SYSTEMS if read_chain(path).content["model"] in MODELS_WITHOUT_CODEC]
CODECS = [path for path in CONFIGS if path.name.startswith("codec")]
DECODINGS = [path for path in CONFIGS if path.name.startswith("decode")]


def names(paths):
    return [str(path.relative_to(RECIPES)) for path in paths]


def head_comment(path: Path) -> str:
    return re.match(r"(#.*\n)*", path.read_text(encoding="utf-8"))[0]


def resolved(base: dict, own: dict) -> dict:
    """What ``own`` resolves to on top of ``base``."""
    return values_of(overlay(marked(base, Path("base")), marked(own, Path("own"))))


def codec_of(path: Path) -> AbsCodec | None:
    """The untrained codec that a system's config names, or of its size where it names none; None where it needs none.

    Random tables of the same sizes stand for those that are slow to run; no config filters with these.
    """
    if path in WITHOUT_CODEC:
        return None
    size = re.search(r"_(paper|small|mini|nano)(?:_|$)", path.stem)[1]
    named = (read_chain(path).content.get("tokenizers") or {}).get("acoustic", f"codec_{size}.yaml")
    conf = read_chain(path.parent / named).content
    if conf["codec"] == "spectral":
        return codec_choices.build("spectral", conf.get("codec_conf") or {})
    config = codec_choices.config(conf["codec"], conf.get("codec_conf") or {})
    return TableCodec(CodecSpec.of(config))


def tokenizers_of(path: Path) -> dict:
    """Untrained tokenizers as the system's YAML names them; only the codec where it is the size's own."""
    named = read_chain(path).content.get("tokenizers") or {}
    if set(named) <= {"acoustic"} and "bicodec" not in str(named):
        codec = codec_of(path)
        return {name: codec for name in named} or {"acoustic": codec}
    confs = {name: read_train_conf(path.parent / value, {}) for name, value in named.items()}
    return {name: codec_choices.build(conf.codec, conf.codec_conf).eval() for name, conf in confs.items()}


def batch_for(path: Path, tokenizers: dict, seconds: float, sample_rate: int):
    """A row with targets for each of its tokenizers."""
    codec = tokenizers.get("acoustic")
    codec = codec if isinstance(codec, AbsCodec) else None
    batch = make_batch([seconds], [seconds], codec, sample_rate=sample_rate)
    for tokenizer in tokenizers.values():
        if tokenizer is not None and tokenizer is not codec:
            with torch.no_grad():
                batch.targets |= tokenizer.streams_of(batch.target, batch.mixture_lengths)
    return batch


SIZES = {"wavlm-base-plus": (768, 12), "wavlm-large": (1024, 6)}  # width, and layers that most configs read


@pytest.fixture
def ssl_models_as_named(path, tmp_path, monkeypatch):
    """Small random models of the published widths where the config ``path`` and its tokenizers look for them."""
    monkeypatch.chdir(tmp_path)
    conf = read_chain(path).content
    tokenizers = (conf.get("tokenizers") or {}).values()
    named = str([conf, *(read_chain(path.parent / value).content for value in tokenizers)])
    deepest = (conf.get("frontend_conf") or {}).get("layer", 0)
    for name, (hidden, layers) in SIZES.items():
        if name in named:
            sizes = {"hidden_size": hidden, "num_hidden_layers": max(layers, deepest)}
            write_wavlm(tmp_path / "downloads" / name, **sizes)
    if "wav2vec2-large-xlsr-53" in named:
        write_xlsr(tmp_path / "downloads" / "wav2vec2-large-xlsr-53")


@pytest.fixture
def quick_initial_weights(monkeypatch):
    """Large tables draw their first rows and repeat them: some hundred million draws take longer than all the rest."""

    def first_rows_repeated(draw):
        @torch.no_grad()
        def fill(tensor, *args, **kwargs):
            if tensor.numel() <= 1 << 18:
                return draw(tensor, *args, **kwargs)
            number = max(1, (1 << 16) // tensor[0].numel())
            rows = draw(tensor[:number], *args, **kwargs)
            for part in tensor.split(number)[1:]:
                part.copy_(rows[: len(part)])
            return tensor

        return fill

    for name in ("normal_", "kaiming_uniform_", "xavier_uniform_"):
        monkeypatch.setattr(torch.nn.init, name, first_rows_repeated(getattr(torch.nn.init, name)))


def wants_wavlm(path: Path) -> bool:
    conf = read_chain(path).content
    return any("model_dir" in (conf.get(block) or {}) for block in ("frontend_conf", "codec_conf"))


@pytest.mark.parametrize("path", SYSTEMS, ids=names(SYSTEMS))
@pytest.mark.usefixtures("quick_initial_weights")
def test_system_is_built_as_its_comment_says(path, monkeypatch, request):
    if wants_wavlm(path):
        request.getfixturevalue("ssl_models_as_named")
    monkeypatch.setattr(SpeakerWavLM, "start_from_pretrained", lambda self: None)  # its weights are not here
    tokenizers = tokenizers_of(path)
    monkeypatch.setattr(build, "open_tokenizers", lambda model, places: tokenizers)
    parser = tse.TSETask.get_parser()
    args = parser.parse_args(["--config", str(path)])
    assert faults_of_choices(args) + faults_of_optimization(args) == []
    model = tse.TSETask.build_model(args)
    stated = re.search(r"([\d,]{5,}) parameters", head_comment(path))
    if stated:
        count = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
        assert count == int(stated[1].replace(",", ""))
    # One short row through everything shows sizes that do not fit each other.
    batch = batch_for(path, tokenizers, 0.1, model.sample_rate)
    if args.speaker_encoder == "given":
        batch.speaker_embedding = torch.ones(1, args.speaker_encoder_conf["output_dim"])
    if args.preferences:
        batch.targets |= {name: batch.targets["acoustic"] for name in ("better", "worse")}
        batch.targets["predicted_semantic"] = batch.targets["semantic"]
        batch.targets["reference"] = Frames(torch.zeros(1, 1, 2), torch.tensor([1]), None)
    for name, start in model.pretrained.items():
        if start.whole:
            place = read_chain(path).content["pretrained"][name]
            model.keep_system(
                name, load_model(place) if place in SHIPPED else small_system(path.parent / place)
            )
        for part in start.frozen(model.config):
            model.keep_frozen(part, getattr(model, part).state_dict())
    with torch.no_grad():
        loss, _ = model.eval().loss(batch)
    assert loss.isfinite()
    if not isinstance(model, GenTSESemantic):  # a first stage makes no waveform
        conf = model.Decode()
        if hasattr(conf, "steps"):
            conf = replace(conf, steps=1)  # of networks of several hundred million weights
        assert model.extract(batch, conf).waveform.shape == batch.mixture.shape


def small_system(path: Path):
    """The system of a YAML at nano size, with untrained tokenizers."""
    path = path.with_name(re.sub(r"_(paper|small|mini)", "_nano", path.name))
    conf, tokenizers = read_chain(path).content, tokenizers_of(path)
    return build.build_part("model", "model", conf, tokenizers)


MINI = [path for path in WITHOUT_CODEC if "_mini" in path.stem and "corrector" not in path.stem]


def assert_learns(model, batch) -> None:
    """Two steps on one batch lower its loss."""
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    losses = []
    for _ in range(3):
        loss, _ = model.loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[2] < losses[0]


@pytest.mark.parametrize("path", MINI, ids=names(MINI))
def test_mini_system_without_a_codec_learns_in_two_steps(path):
    parser = tse.TSETask.get_parser()
    args = parser.parse_args(["--config", str(path)])
    torch.manual_seed(0)
    model = tse.TSETask.build_model(args).train()
    batch = make_batch([0.2], [0.2], None, sample_rate=model.sample_rate)
    batch.target = batch.target.flip(1)  # a flow from the background wants another signal there
    if args.speaker_encoder == "given":
        batch.speaker_embedding = torch.ones(1, args.speaker_encoder_conf["output_dim"])
    assert_learns(model, batch)


BUILT_ON_OTHERS = [path for path in CONFIGS if BASE in read_yaml(path)]


@pytest.mark.parametrize("path", BUILT_ON_OTHERS, ids=names(BUILT_ON_OTHERS))
def test_a_variant_repeats_nothing_that_its_base_says(path):
    own = read_yaml(path)
    base = read_chain(path.parent / own.pop(BASE)).content
    whole = read_chain(path).content
    for key, value in own.items():
        without = {name: other for name, other in own.items() if name != key}
        assert resolved(base, without) != whole, f"{key}: {value!r} changes nothing; leave it out"
        for part in value if key.endswith("_conf") and isinstance(value, dict) else ():
            less = {**without, key: {name: other for name, other in value.items() if name != part}}
            assert resolved(base, less) != whole, f"{key}: {part} changes nothing; leave it out"
    assert own and head_comment(path), "a variant says what differs and what for"


CAUSAL = [path for path in SYSTEMS if read_chain(path).content.get("extractor_conf", {}).get("causal")]


@pytest.mark.parametrize("path", CAUSAL, ids=names(CAUSAL))
def test_causal_systems_hear_a_mixture_once_as_streams_do(path):
    own = read_chain(path).content.get("model_conf", {})
    assert own.get("speeds") in (None, [1.0]) and not own.get("against_rest", False)


VARIANTS = [path for path in SYSTEMS if re.match(r"laura_tse_(paper|mini)_(?!ar$)", path.stem)]
REGIMES = ("dm", "finetune")


@pytest.mark.parametrize("path", VARIANTS, ids=names(VARIANTS))
def test_a_variant_has_the_budget_and_the_sizes_of_its_base(path):
    base_name, _, variant = re.match(r"(laura_tse_(paper|mini))(_)(\w+)", path.stem).group(1, 3, 4)
    base, conf = (read_chain(file).content for file in (path.with_stem(base_name), path))
    parts = {
        f"{part}{end}" for part in ("frontend", "encoder", "lm", "vocoder", "model") for end in ("", "_conf")
    }
    changed = {key for key in {*base, *conf} if base.get(key) != conf.get(key)}
    regime = {"max_batch_s", "max_epoch", "optim_conf", "init_param"}
    assert changed and changed <= (regime if variant in REGIMES else parts)
    for key in changed & parts:
        if isinstance(base[key], dict) and key != "frontend_conf":
            # What the base says stays, but for what the variant is about.
            lost = {name for name, value in base[key].items() if conf[key].get(name) != value}
            assert lost <= {"num_codebooks", "truth_share"}
    assert re.search(r"Table I|No row|training data 2", head_comment(path))


JOINT = [path for path in SYSTEMS if path.stem.startswith("usef_laura_tse") and "nano" not in path.stem]
# What a front-end's own YAML says that only saves memory may differ.
PARTS_OF = {"s": ("usef_tfgridnet_s", "laura_tse_paper"), "l": ("usef_tfgridnet_l", "laura_tse_paper")}
PARTS_OF["mini"] = ("usef_tfgridnet_mini", "laura_tse_mini")
PARTS_OF["mini_magnitude_mask"] = ("magnitude_mask_small", "laura_tse_mini")
FRONT_END_DIRS = {"magnitude_mask_small": "../../../espnet_tse/pretrained/magnitude_mask_base"}


@pytest.mark.parametrize("path", JOINT, ids=names(JOINT))
def test_a_system_with_a_front_end_has_the_parts_that_it_names(path):
    conf = read_chain(path).content
    front_name, laura_name = PARTS_OF[
        re.match(r"usef_laura_tse_(mini_magnitude_mask|mini|s|l)", path.stem)[1]
    ]
    front, laura = (read_chain(path.with_stem(name)).content for name in (front_name, laura_name))
    conf["extractor_conf"].pop("checkpoint_blocks", None)
    for source, parts in ((front, ("extractor",)), (laura, ("frontend", "encoder", "lm", "vocoder"))):
        for key in (key for part in parts for key in (part, f"{part}_conf")):
            assert conf.get(key) == source.get(key), key
    assert conf.get("speaker_encoder") == front.get("speaker_encoder")
    assert laura["model_conf"].items() <= conf["model_conf"].items()
    front_end_dir = FRONT_END_DIRS.get(front_name, f"{front_name}.yaml")
    place = conf.get("pretrained", {}).get("front_end")
    assert place in (None, front_end_dir)
    assert (place is not None) != path.stem.endswith("finetune")
    assert ("front_end_lr" in conf) == (conf["model_conf"]["front_end"] == "trained")
    for start in conf.get("init_param", []):
        name = re.match(r"exp/tse_(\w+)/valid.loss.ave.pth", start)[1]
        assert path.with_stem(name).is_file()
    assert re.search(r"Table|no row", head_comment(path))


def test_variants_of_a_front_end_differ_in_nothing_else():
    wanted = {"frozen": {"model_conf", "front_end_lr"}, "dm": {"max_epoch"}}
    wanted["finetune"] = {"max_epoch", "optim_conf", "init_param", "pretrained"}
    wanted |= {f"si_sdr_{name}": {*wanted[name], "model_conf"} for name in ("dm", "finetune")}
    for prefix, variants in (
        ("s_paper", wanted),
        ("mini", {"frozen": wanted["frozen"], "unfrozen": {"model_conf"}}),
    ):
        base, *others = (
            read_chain(TEMPLATE / f"usef_laura_tse_{prefix}{end}.yaml").content
            for end in ("", *(f"_{name}" for name in variants))
        )
        for conf, changed in zip(others, variants.values()):
            assert {key for key in {*base, *conf} if base.get(key) != conf.get(key)} == changed


TRAINED_MINI = [path for path in JOINT if "_mini" in path.stem]


@pytest.mark.parametrize("path", TRAINED_MINI, ids=names(TRAINED_MINI))
def test_mini_system_with_a_front_end_learns_in_two_steps_and_decodes(path, monkeypatch):
    codec = codec_of(path)
    monkeypatch.setattr(
        build, "open_tokenizers", lambda model, places: {name: codec for name in model.tokenizers}
    )
    args = tse.TSETask.get_parser().parse_args(["--config", str(path)])
    torch.manual_seed(0)
    model = tse.TSETask.build_model(args).train()
    batch = make_batch([0.2], [0.2], codec)
    assert_learns(model, batch)
    for conf in DECODINGS:
        if "nar" in conf.stem or "front_end" in conf.stem:
            estimate = model.eval().extract(batch, read_decode_settings(str(conf), type(model)))
            assert estimate.waveform.shape == batch.mixture.shape and estimate.waveform.isfinite().all()


@pytest.mark.parametrize("path", SYSTEMS, ids=names(SYSTEMS))
def test_system_can_be_decoded_without_naming_a_checkpoint(path):
    conf = read_chain(path).content
    assert ["valid", "loss", "min"] in conf["best_model_criterion"]


@pytest.mark.parametrize("path", CODECS, ids=names(CODECS))
def test_codec_is_built(path, request):
    if wants_wavlm(path):
        request.getfixturevalue("ssl_models_as_named")
    conf = read_train_conf(path, {})
    codec = codec_choices.build(conf.codec, conf.codec_conf)
    stated = re.search(r"([\d,]{5,}) parameters", head_comment(path))
    if stated:
        assert codec.num_parameters() == int(stated[1].replace(",", ""))
    if isinstance(codec, AbsAutoencoder):
        frames = conf.segment_s * codec.frame_rate
        assert frames == pytest.approx(round(frames))
        return
    if isinstance(codec, AbsUnits):
        assert len(codec.centroids) == codec.streams["semantic"].codebook_size
        return
    spec = codec.spec
    if isinstance(codec, BiCodec):
        tables = codec.quantizer.entries[None]
    else:
        tables = codec.quantizer.embed if isinstance(codec, SpectralBiCodec) else codec.codebooks
    assert tables.shape == (spec.num_codebooks, spec.codebook_size, spec.embedding_dim)
    # Whole frames, or the segments that are asked for and those that are cut differ.
    frames = conf.segment_s * spec.frame_rate
    assert frames == pytest.approx(round(frames))


def test_decodings_are_read():
    for path in DECODINGS:
        check_alone(str(path))


def test_configs_are_found():
    assert (
        len(SYSTEMS) >= 3
        and len(CODECS) >= 3
        and len(BUILT_ON_OTHERS) >= 30
        and not (set(SYSTEMS) & set(CODECS))
    )


def test_the_configs_of_every_recipe_are_one_link():
    folders = [recipe / "conf" for recipe in sorted(RECIPES.glob("*/*")) if recipe.parent.name != "TEMPLATE"]
    assert len(folders) >= 2
    assert [folder.readlink().as_posix() for folder in folders] == ["../../TEMPLATE/tse1/conf"] * len(folders)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("mini_*/tse1/run.sh")), ids=lambda path: path.parts[-3])
def test_configs_that_run_sh_names_are_there(path):
    named = re.findall(r"conf/\S+\.yaml", path.read_text(encoding="utf-8"))
    assert named and not [name for name in named if not (path.parent / name).exists()]
