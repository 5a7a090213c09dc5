"""Commands of a list run without a shell."""

import pytest

from espnet_tse.io.command_pipe import PipeError, output_of, shell_syntax


def test_commands_are_piped():
    assert output_of("printf 'b a b' | tr ' ' '\\n' | sort -u") == b"a\nb\n"


@pytest.mark.parametrize(
    "line, syntax",
    [
        ("sox a.wav -t wav - 2>/dev/null", "2>"),
        ("sox -t wav - < a.wav", "<"),
        ("cd x && cat a.wav", "&"),
        ("cat a.wav || cat b.wav", "||"),
        ("cat $HOME/a.wav", "$"),
        ('cat "$HOME/a.wav"', "$"),
        ("cat `name`", "`"),
        ("cat a.wav ; rm a.wav", ";"),
        ("awk '{print $1 > 0 && 2}' a.txt", None),
        ('sox "a & b.wav" -t wav -', None),
        ("cat a\\;b.wav", None),
        ("cat a | cat", None),
        ("cat ~/a.wav", "~"),
        ("cat a~ x/~b '~' | cat", None),
        ("FOO=1 cat a.wav", "FOO="),
        ("cat a.wav | LC_ALL='C x' sort", "LC_ALL="),
        ("awk -v n=1 1 | env n=2 cat", None),
    ],
)
def test_what_a_shell_would_act_on_is_refused(tmp_path, line, syntax):
    assert shell_syntax(line) == syntax
    if syntax:
        with pytest.raises(PipeError, match="no shell runs it.*write bash -c '"):
            output_of(line)


def test_the_form_that_the_message_proposes_works(tmp_path):
    (tmp_path / "a").write_text("x")
    line = f"cat < {tmp_path}/a 2>/dev/null && printf y"
    with pytest.raises(PipeError) as error:
        output_of(line)
    proposed = str(error.value).split("write ")[1].removesuffix(" |")
    assert output_of(proposed) == b"xy"


def test_names_with_patterns_are_passed_on_and_told_where_the_command_fails(tmp_path):
    (tmp_path / "a[1].txt").write_text("x")
    assert output_of(f"cat {tmp_path}/a[1].txt") == b"x"
    with pytest.raises(
        PipeError, match=r"No such file.*; no shell runs it, so '\*' would be .* write bash -c 'cat "
    ):
        output_of(f"cat {tmp_path}/a*")
    with pytest.raises(PipeError) as error:
        output_of(f"cat {tmp_path}/'a*'")
    assert "shell" not in str(error.value)


def test_nothing_is_run_before_all_is_checked(tmp_path):
    with pytest.raises(PipeError):
        output_of(f"touch {tmp_path}/made | cat $X")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "line, message",
    [
        ("no-such-command x", "the command 'no-such-command' is not installed"),
        ("false", "'false' ended with exit code 1"),
        ("bash -c 'kill -9 $$'", r"was killed \(signal 9\): usually the machine ran out of memory"),
        ("true | | true", "there is an empty command"),
        ("cat 'a", "close the quotes"),
    ],
)
def test_faults_are_named(line, message):
    with pytest.raises(PipeError, match=message):
        output_of(line)
