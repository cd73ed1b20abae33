from msgspec.structs import replace

from tests.docker.conftest import drafted
from toolkit.docker.overlay_kinds import overlay_files
from toolkit.model import Commit


def test_origin_of_several_lines_stays_in_the_comment() -> None:
    case = drafted().case()
    source = replace(case.source, commit=None, origin="a\nb }; evil")
    commit = Commit(subject="docker: lift", body="", before=case.before.content, after=case.after.content)
    text = overlay_files(replace(case, source=source, commits=(commit,)))["default.nix"].content.decode()
    assert "# Made for nixpkgs as in a b }; evil.\n" in text
