import pytest

from tests.cli.conftest import Unlet


def test_script_calls_unlet(unlet: Unlet) -> None:
    assert "_UNLET_COMPLETE=zsh_complete" in unlet(_UNLET_COMPLETE="zsh_source").stdout


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("unlet pro", {"propose"}),
        ("unlet c", {"check", "cache"}),
        ("unlet cache cl", {"clean"}),
        ("unlet find --gr", {"--graph"}),
    ],
)
def test_commands_options_and_values_are_completed(
    unlet: Unlet, line: str, expected: set[str]
) -> None:
    done = unlet(
        _UNLET_COMPLETE="bash_complete",
        COMP_WORDS=line,
        COMP_CWORD=str(len(line.split()) - 1),
    )
    assert {words.partition(",")[2] for words in done.stdout.split()} == expected
