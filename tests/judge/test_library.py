"""Changes of nixpkgs' library, whose own tests are run on both sides."""

from pathlib import Path

from tests.judge.test_modules import judgement_of, nixos, told
from tests.judge.test_specimen import LIB, cache, shared

__all__ = ["cache", "nixos", "shared"]


def test_tests_of_the_library_are_run_before_and_after(nixos: Path) -> None:
    wrong = ("elemAt many (length many - 1 - n)", "elemAt many n")
    judgement = judgement_of(nixos, {LIB: [wrong]})
    fails = "testReverseList of lib/tests/misc.nix now fails"
    assert ("regression", "lib", fails) in told(judgement)
    ended = ("reverseList = many: ", 'reverseList = throw "no"; unused = many: ')
    judgement = judgement_of(nixos, {LIB: [ended]})
    ends = "lib/tests/misc.nix no longer evaluates"
    assert ("regression", "lib", ends) in told(judgement)
    assert "unused" in {gap.what for gap in judgement.not_covered}
