from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolkit.docker.case import BEFORE, DEMOTED, LIFTED
from toolkit.model import Status
from toolkit.nix import stores

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.docker.conftest import Draft

# The real nixfmt is one more compiler to have on each machine that tests. What is tested here is how the proof asks a
# formatter and what it makes of the answer, hence any program will do that formats: this one strips spaces at line
# ends, and refuses a file with a tab as nixfmt refuses a syntax error.
FORMATTER = """\
case ${1-} in
  --version) echo 'nixfmt 0 (stand-in)' ;;
  -) awk '/\t/ { print "no tabs" >"/dev/stderr"; exit 1 } { sub(/ +$/, ""); print }' ;;
  *) echo "unknown: $1" >&2 && exit 2 ;;
esac
"""


@pytest.mark.parametrize("layout", ["20.10.14", "29.6"])
def test_every_stage_is_parsed(draft: Callable[..., Draft], layout: str) -> None:
    assert draft(layout).passes("parse")


def test_proof_names_the_files_and_the_command(draft: Callable[..., Draft]) -> None:
    proof = draft().prove("parse")
    assert proof.covers == "3 files"
    assert [line.partition(": ")[0] for line in proof.evidence] == [BEFORE, LIFTED, DEMOTED]
    assert proof.commands[0].startswith("nix-instantiate --store dummy:// --parse /")


# The grammar accepts both, Nix neither: what the syntax tree says is not enough.
@pytest.mark.parametrize("bad", ['pname = "docker"; pname = "docker";', 'pname = "docker"; x = ({ a, a }: a);'])
@pytest.mark.parametrize("stage", [BEFORE, LIFTED, DEMOTED])
def test_stage_that_is_no_nix_is_named_with_its_place(draft: Callable[..., Draft], stage: str, bad: str) -> None:
    series = draft()
    text = series.texts[stage]
    line = text[: text.index('pname = "docker";')].count("\n") + 1
    failure = series.rewritten(stage, lambda text: text.replace('pname = "docker";', bad)).failure("parse")
    assert f"/{stage}/default.nix:{line}:" in failure
    assert "already defined" in failure or "duplicate formal" in failure


class TestFormat:
    @pytest.fixture(autouse=True)
    def formatter(self, install: Callable[[str, str], None]) -> None:
        install("nixfmt", FORMATTER)

    def test_formatted_series_passes(self, draft: Callable[..., Draft]) -> None:
        proof = draft().prove("format")
        assert (proof.status, proof.covers) == (Status.PASSED, "3 files, nixfmt 0 (stand-in)")
        assert proof.commands[0].startswith("nixfmt --check /")

    @pytest.mark.parametrize("stage", [LIFTED, DEMOTED])
    def test_stage_that_would_be_changed_is_named(self, draft: Callable[..., Draft], stage: str) -> None:
        failure = draft().rewritten(stage, lambda text: f"{text}  \n").failure("format")
        assert failure == f"{stage}: nixfmt would change the file"

    def test_stage_that_the_formatter_refuses_is_named(self, draft: Callable[..., Draft]) -> None:
        failure = draft().rewritten(DEMOTED, lambda text: f"{text}#\t\n").failure("format")
        assert failure == f"{DEMOTED}: nixfmt would change the file"

    def test_file_that_was_not_formatted_before_is_not_judged(self, draft: Callable[..., Draft]) -> None:
        series = draft()
        for stage in (BEFORE, LIFTED):
            series = series.rewritten(stage, lambda text: f"{text}  \n")
        proof = series.prove("format")
        reason = "because the file is not in the format of this nixfmt 0 (stand-in) before either"
        assert (proof.status, proof.reason) == (Status.NOT_RUN, reason)

    def test_formatter_that_cannot_be_run_is_a_failure(
        self, draft: Callable[..., Draft], install: Callable[[str, str], None]
    ) -> None:
        install("nixfmt", "echo 'cannot start' >&2; exit 127")
        assert draft().failure("format").endswith("/nixfmt: cannot start")

    def test_formatter_cannot_write_to_the_file(self, draft: Callable[..., Draft]) -> None:
        case = draft().case()
        assert draft().passes("format")
        assert [stage.path.read_bytes() for stage in case.stages] == [stage.content for stage in case.stages]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty store, in which nixfmt is looked for."""
    monkeypatch.setattr(stores, "STORE", tmp_path / "store")
    return tmp_path / "store"


@pytest.mark.usefixtures("store")
def test_formatter_that_is_nowhere_is_named_with_where_to_get_it(draft: Callable[..., Draft]) -> None:
    proof = draft().prove("format")
    reason = "because nixfmt is not installed; 'nix-shell -p nixfmt' has it"
    assert (proof.status, proof.reason) == (Status.NOT_RUN, reason)


def test_formatter_of_the_store_is_used(draft: Callable[..., Draft], store: Path) -> None:
    for name, version in (("nixfmt-1.0.0", "1"), ("nixfmt-1.1.0", "2"), ("nixfmt-classic-9", "of another form")):
        program = store / f"{'0' * 32}-{name}" / "bin/nixfmt"
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\n[ "$1" = - ] && exec cat\necho nixfmt {version}\n')
        program.chmod(0o755)
    assert draft().prove("format").covers == "3 files, nixfmt 2"
