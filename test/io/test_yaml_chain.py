import pytest

from espnet_tse.io.scp import DataError
from espnet_tse.io.yaml_chain import read_chain


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes x.yaml and others from name -> text; the working folder is where they lie."""
    monkeypatch.chdir(tmp_path)

    def write(**texts: str) -> None:
        for name, text in texts.items():
            (tmp_path / f"{name}.yaml").write_text(text)

    return write


@pytest.mark.parametrize(
    "variant, base, resolved",
    [
        ("lr: 2", "lr: 1\nseed: 3", {"lr": 2, "seed": 3}),
        # Blocks merge by key, blocks in them too; other mappings and lists are replaced.
        ("a_conf: {x: 2}", "a_conf: {x: 1, y: 1}", {"a_conf": {"x": 2, "y": 1}}),
        (
            "a_conf: {b_conf: {x: 2}}",
            "a_conf: {b_conf: {x: 1, y: 1}, z: 1}",
            {"a_conf": {"b_conf": {"x": 2, "y": 1}, "z": 1}},
        ),
        (
            "a_conf: {losses: {x: 2}}",
            "a_conf: {losses: {y: 1}, z: 1}",
            {"a_conf": {"losses": {"x": 2}, "z": 1}},
        ),
        ("a_conf: {sizes: [2]}", "a_conf: {sizes: [1, 1]}", {"a_conf": {"sizes": [2]}}),
        # A block belongs to the class of its slot.
        ("a: new", "a: old\na_conf: {x: 1}", {"a": "new"}),
        ("a: new\na_conf: {y: 1}", "a: old\na_conf: {x: 1}", {"a": "new", "a_conf": {"y": 1}}),
        ("a: old\na_conf: {y: 1}", "a: old\na_conf: {x: 1}", {"a": "old", "a_conf": {"x": 1, "y": 1}}),
        ("a: new", "a_conf: {x: 1}", {"a": "new", "a_conf": {"x": 1}}),
        # null drops what is inherited.
        ("a: null", "a: old\na_conf: {x: 1}", {}),
        ("a_conf: null", "a: old\na_conf: {x: 1}", {"a": "old"}),
        ("a_conf: {x: null}", "a_conf: {x: 1, y: 1}", {"a_conf": {"y": 1}}),
        ("a: null", "b: null\nc: 1", {"a": None, "b": None, "c": 1}),
        ("a_conf: {}", "a_conf: {x: 1}", {"a_conf": {"x": 1}}),
        ("a_conf: {x: 2}", "a_conf: {}", {"a_conf": {"x": 2}}),
        ("a_conf: {x: null}", "a_conf: {y: 1}", {"a_conf": {"x": None, "y": 1}}),
        ("", "lr: 1", {"lr": 1}),
    ],
)
def test_what_a_variant_resolves_to(write, variant, base, resolved):
    write(x=f"base: y.yaml\n{variant}\n", y=base)
    assert read_chain("x.yaml").content == resolved


def test_a_file_without_a_base_is_what_it_says(write):
    write(x="a: b\na_conf: {x: 1, y: {}}\nc_conf: null\n")
    assert read_chain("x.yaml").content == {"a": "b", "a_conf": {"x": 1, "y": {}}, "c_conf": None}


def test_a_base_of_a_base(write):
    write(
        x="base: y.yaml\na_conf: {x: 3}",
        y="base: z.yaml\na: new\na_conf: {y: 2}",
        z="a: old\na_conf: {z: 1}\nseed: 1",
    )
    chain = read_chain("x.yaml")
    assert chain.content == {"a": "new", "a_conf": {"x": 3, "y": 2}, "seed": 1}
    assert [str(file) for file in chain.files] == ["x.yaml", "y.yaml", "z.yaml"]


def test_bases_lie_beside_the_file_and_not_in_the_working_folder(write, tmp_path):
    write(x="base: conf/y.yaml")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/y.yaml").write_text("base: ../z.yaml\na: 1")
    write(z="b: 1")
    (tmp_path / "linked").symlink_to("conf")  # as conf/ of a recipe
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/x.yaml").symlink_to(tmp_path / "x.yaml")
    for path in ("x.yaml", "linked/y.yaml", "elsewhere/x.yaml"):
        assert read_chain(path).content == {"a": 1, "b": 1}
    assert [str(file) for file in read_chain("linked/y.yaml").files] == ["linked/y.yaml", "linked/../z.yaml"]


def test_what_is_changed_in_one_result_is_not_in_the_next(write):
    write(x="a_conf: {x: 1}")
    chain = read_chain("x.yaml")
    chain.content["a_conf"]["x"] = 2
    assert chain.content == {"a_conf": {"x": 1}}


@pytest.mark.parametrize(
    "texts, fault",
    [
        (
            {"x": "base: z.yaml"},
            r"x.yaml: base: z.yaml: no such file \(z.yaml\); fix the path, relative to this file",
        ),
        ({"x": "base: y.yaml", "y": "base: sub/z.yaml"}, r"y.yaml: base: sub/z.yaml: no such file"),
        ({"x": "base: [y.yaml]"}, r"x.yaml: base is \['y.yaml'\], want the path of another YAML"),
        ({"x": "base: x.yaml"}, r"x.yaml: base: x.yaml leads back .*\(x.yaml -> x.yaml\); remove one base"),
        (
            {"x": "base: y.yaml", "y": "base: x.yaml"},
            r"y.yaml: base: x.yaml leads back .*\(x.yaml -> y.yaml -> x.yaml\)",
        ),
        ({"x": "base: y.yaml", "y": "a: 1\na: 2"}, r"y.yaml: duplicate key 'a'"),
        ({"x": "base: y.yaml", "y": "- 1"}, r"y.yaml: want 'key: value' lines"),
    ],
)
def test_faults_of_a_chain_name_the_file(write, texts, fault):
    write(**texts)
    with pytest.raises(DataError, match=fault):
        read_chain("x.yaml")


def test_unknown_keys_are_named_with_the_file_that_has_them(write):
    write(x="base: y.yaml\nmax_epocs: 1\na: 1\na_conf: {}", y="sead: 1\na_conf: {x: 1}")
    with pytest.raises(DataError) as error:
        read_chain("x.yaml").check_keys(["max_epoch", "seed", "a"], place="top level")
    assert str(error.value).splitlines() == [
        "x.yaml: top level: unknown 'max_epocs' (did you mean 'max_epoch'?); known: a, max_epoch, seed",
        "y.yaml: top level: unknown 'sead' (did you mean 'seed'?), unknown 'a_conf'; known: a, max_epoch, seed",
    ]
    read_chain("x.yaml").check_keys(["max_epocs", "sead", "a", "a_conf"])


@pytest.mark.parametrize(
    "fault, files",
    [
        ("--lm: unknown 'decoder'", "y.yaml"),
        ("seed: want a number", "x.yaml"),
        (
            "lm_conf of 'decoder': unknown 'num_layer' (did you mean 'width'?); known: num_layers, width",
            "y.yaml",
        ),
        ("lm_conf of 'decoder': width 30 is not divisible by num_heads 4", "x.yaml"),
        ("lm_conf of 'decoder': width 30 does not fit num_layer 3", "x.yaml and y.yaml"),
        ("lm_conf of 'decoder': too much of everything", "x.yaml and y.yaml"),
        ("vocoder_conf of 'none': unknown 'x'", "x.yaml"),
    ],
)
def test_where_a_fault_is_to_be_fixed(write, fault, files):
    write(
        x="base: y.yaml\nseed: 2\nlm_conf: {width: 30}",
        y="lm: decoder\nseed: 1\nlm_conf: {num_layer: 2, width: 32}",
    )
    assert read_chain("x.yaml").where(fault) == files
