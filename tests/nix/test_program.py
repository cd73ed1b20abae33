"""What Nix reads in many contents, in few processes."""

from pathlib import Path

import pytest

from toolkit import process
from toolkit.errors import NixSyntaxError, RefusalError
from toolkit.nix import program

CONTENTS = (
    b"{ a = \"x\\ny\r${toString 1}\"; \"b\nc\" = ''\n  hey\n\n  you\n''; }",
    b"{ x }: # comment\n x ",
    b"{ a = ",
    b'"\x0c\xe2\x80\xa8\x1e" # other ends of lines',
    b"undefined",
    b"\xff",
    b"{ b = ./x; }",
)


def test_each_is_read_as_if_it_were_alone(tmp_path: Path) -> None:
    names = [f"file {number}" for number in range(len(CONTENTS))]
    found = program.parsed_each(CONTENTS, tmp_path, names=names)
    for content, name, answer in zip(CONTENTS[:-1], names, found, strict=False):
        try:
            alone: str | NixSyntaxError = program.parse_text(content, name=name)
        except NixSyntaxError as error:
            alone = error
        assert isinstance(answer, NixSyntaxError) == isinstance(alone, NixSyntaxError)
        assert str(answer) == str(alone)
    assert found[-1] == f"{{ b = {tmp_path}/x; }}"


def test_many_take_few_processes_and_one_that_fails_keeps_no_other(
    tmp_path: Path,
) -> None:
    contents = [b"{ }: { a = %d; }" % number for number in range(1000)]
    contents[500] = b"{"
    lines: list[str] = []
    with process.echoing(lines.append):
        found = program.parsed_each(
            contents, tmp_path, names=[str(number) for number in range(1000)]
        )
    assert len(lines) < 5 + 2 * (200).bit_length()
    assert [isinstance(each, str) for each in found].count(False) == 1
    assert isinstance(found[500], NixSyntaxError)
    assert found[501] == "({  }: { a = 501; })"


@pytest.mark.clock
def test_one_that_takes_long_keeps_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "_PARSE_SECONDS", 0.5)
    slow = b"[" + b" { }" * 1_500_000 + b" ] ++ undefined"
    found = program.parsed_each(
        [b"1", slow, b"2"], tmp_path, names=["one", "slow", "two"]
    )
    assert (found[0], found[2]) == ("1", "2")
    assert isinstance(found[1], (RefusalError, NixSyntaxError))


def test_many_that_are_no_nix_are_not_all_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "MOST_BROKEN", 5)
    found = program.parsed_each([b"{"] * 300, tmp_path, names=["x"] * 300)
    assert (
        sum(isinstance(each, NixSyntaxError) for each in found) == program.MOST_BROKEN
    )
    assert found[-1] is None
