import pytest

from espnet_tse.io.command_line import CommandLine, announce, imports_to_stderr, run_command
from espnet_tse.io.nearest_name import check_known, nearest_name
from espnet_tse.io.scp import DataError


@pytest.fixture
def parser():
    parser = CommandLine(prog="program")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--mixture_scp")
    parser.add_argument("--options", default="")
    parser.add_argument("files", nargs="*")
    return parser


@pytest.mark.parametrize(
    "words, fault",
    [
        (["--mix", "a"], "unknown option --mix (did you mean --mixture_scp?)"),
        (["--mixture-scp=a"], "unknown option --mixture-scp (did you mean --mixture_scp?)"),
        (["--ouput", "a"], "unknown option --ouput (did you mean --output?)"),
        (
            ["--zebra", "a", "--optoins", "--lr 1"],
            "--zebra, unknown option --optoins (did you mean --options?)",
        ),
    ],
)
def test_unknown_options_and_abbreviations_are_refused_with_the_nearest(parser, words, fault, capsys):
    with pytest.raises(SystemExit) as exit_:
        parser.parse_args(words)
    assert exit_.value.code == 2 and fault in capsys.readouterr().err


def test_faults_are_brief(parser, capsys):
    with pytest.raises(SystemExit) as exit_:
        parser.parse_args([])
    assert exit_.value.code == 2
    assert capsys.readouterr().err == (
        "program: error: the following arguments are required: -o/--output\nprogram --help lists all options.\n"
    )


@pytest.mark.parametrize("options", ["--options=--lr=1", "--options=--max_epoch 3"])
def test_values_may_look_like_options(parser, options):
    args = parser.parse_args(["-o", "x", options, "--", "--mix"])
    assert args.options == options.partition("=")[2] and args.files == ["--mix"]
    assert (
        parser.parse_args(["-o", "x", "--options", "--max_epoch 3 --lr=1"]).options == "--max_epoch 3 --lr=1"
    )


def test_the_nearest_name_is_one_that_begins_alike_or_is_spelt_alike():
    known = ["tse_config", "tse_args", "codec_config", "nj"]
    assert nearest_name("codec", known) == "codec_config"
    assert nearest_name("tse", known) == "tse_args"  # the shortest
    assert nearest_name("tse_confg", known) == "tse_config"
    assert nearest_name("t", known) is None and nearest_name("zebra", known) is None
    with pytest.raises(
        ValueError, match=r"here: unknown 'njj' \(did you mean 'nj'\?\), unknown '7'; known: codec_config, nj"
    ):
        check_known(["njj", 7], known, where="here")


def test_only_the_first_process_announces(capsys, monkeypatch):
    announce("loading")
    assert capsys.readouterr().err.endswith(" loading ...\n")
    monkeypatch.setenv("RANK", "1")
    announce("loading")
    assert capsys.readouterr() == ("", "")


def test_what_imports_print_goes_to_stderr_without_idle_notes(capsys):
    with imports_to_stderr():
        print("Failed to import Flash Attention, using ESPnet default: x")
        print("a library says")
    assert capsys.readouterr() == ("", "a library says\n")


def test_exit_codes_are_those_of_the_work():
    assert run_command("program", lambda: None) == 0 and run_command("program", lambda: 1) == 1


@pytest.mark.parametrize(
    "error, message",
    [
        (DataError("a.scp: fix it."), "a.scp: fix it."),
        (
            OSError(28, "No space left on device", "out/x"),
            "out/x: No space left on device; make room or fix its rights",
        ),
        (
            FileNotFoundError(2, "No such file or directory", "x"),
            "x: No such file or directory; fix the path.",
        ),
        (IsADirectoryError(21, "Is a directory", "d.wav"), "d.wav: Is a directory; name a file."),
        (
            FileExistsError(17, "File exists", "a.wav"),
            "a.wav: is a file where a folder is wanted; name another",
        ),
        (OSError(30, "Read-only file system", "/ro"), "/ro: Read-only file system; name a place that can be"),
    ],
)
def test_what_a_user_can_mend_ends_in_one_message(capsys, error, message):
    def work():
        raise error

    assert run_command("program", work) == 1
    assert capsys.readouterr().err.startswith(f"program: error: {message}")


@pytest.mark.parametrize("error", [ValueError("of a programmer"), OSError("of a library")])
def test_other_errors_keep_their_traceback(error):
    def work():
        raise error

    with pytest.raises(type(error), match="of a"):
        run_command("program", work)


def test_ctrl_c_ends_in_a_line(capsys):
    def work():
        raise KeyboardInterrupt

    assert run_command("espnet-tse extract", work) == 130
    assert capsys.readouterr().err == "espnet-tse extract: stopped\n"
