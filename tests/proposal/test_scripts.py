from pathlib import Path, PurePosixPath

import pytest

from toolkit.errors import RefusalError
from toolkit.proposal.choosing import require_found, scripts_beside

FILE = PurePosixPath("pkgs/app/package.nix")


def test_a_script_that_looks_for_code_of_the_file_keeps_the_change_from_being_made(
    tmp_path: Path,
) -> None:
    directory = tmp_path / FILE.parent
    directory.mkdir(parents=True)
    (directory / "update.sh").write_text(
        "sed 's/.*\"${src.name}\\(.*\\)\";/\\1/; s/${version}/x/' package.nix\n"
    )
    (directory / "other.sh").write_text("echo '${src.name}'\n")
    (directory / "notes.md").write_text("package.nix has ${src.name}\n")
    found = scripts_beside(tmp_path, FILE)
    assert list(found) == ["update.sh"]
    before = 'rec { sourceRoot = "${src.name}/app"; rev = "${version}"; }\n'
    require_found(
        found,
        before,
        before.replace("${version}", "${finalAttrs.version}"),
        name=str(FILE),
    )
    with pytest.raises(
        RefusalError,
        match=r"app/package.nix: update.sh searches this file for '\$\{src.name\}'",
    ):
        require_found(
            found,
            before,
            before.replace("src.name", "finalAttrs.src.name"),
            name=str(FILE),
        )
