import shutil
import subprocess
from pathlib import Path

from tests.docker.conftest import drafted
from toolkit.docker.case import BEFORE, DEMOTED
from toolkit.docker.claims import updating


def test_proof_tells_what_update_sh_takes_for_the_newest() -> None:
    proof = drafted().prove("update.sh")
    assert proof.covers == "2 release blocks, 14 values that update.sh rewrites"
    assert proof.evidence == ("newest for update.sh: docker_29 29.6.1",)
    assert [command.partition(" /")[0] for command in proof.commands] == [
        "grep -oE 'docker_[0-9]+'"
    ] * 2


def test_script_of_the_tree_reads_the_same_as_the_proof_does(tmp_path: Path) -> None:
    series = drafted()
    script = shutil.copy(series.source.directory / "update.sh", tmp_path)
    for stage in (BEFORE, DEMOTED):
        (tmp_path / "default.nix").write_text(series.texts[stage])
        said = subprocess.run(
            ["bash", script], check=True, capture_output=True, encoding="utf-8"
        ).stdout.splitlines()
        text = series.texts[stage]
        newest = updating.newest(text)
        assert said[0] == newest == "docker_29"
        assert f"version={updating.version(text, newest)}" in said
        names = [line.partition("=")[0] for line in said[1:]]
        read = [line.split()[0] for line in updating.rewritten(text, newest)]
        assert [name for name in names if name in read] == read
