import pytest

from tests.cli.conftest import Unlet


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_calls_unlet_for_that_shell(unlet: Unlet, shell: str) -> None:
    done = unlet("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"_UNLET_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("unlet pro", {"propose"}),
        ("unlet c", {"check", "cache", "completion"}),
        ("unlet cache cl", {"clean"}),
        ("unlet completion f", {"fish"}),
        ("unlet find --gr", {"--graph"}),
    ],
)
def test_commands_options_and_values_are_completed(unlet: Unlet, line: str, expected: set[str]) -> None:
    done = unlet(_UNLET_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(line.split()) - 1))
    assert {words.partition(",")[2] for words in done.stdout.split()} == expected
