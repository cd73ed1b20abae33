import json

from tests.cli.conftest import ROOT, Unlet
from toolkit.cli import schema


def test_schemas_are_listed_and_printed_as_they_are(unlet: Unlet) -> None:
    assert list(schema.NAMES) == sorted(
        path.stem for path in (ROOT / "docs/schema").iterdir()
    )
    assert (
        unlet("schema").stdout.split()
        == json.loads(unlet("schema", "--json").stdout)
        == list(schema.NAMES)
    )
    done = unlet("schema", "track")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (ROOT / "docs/schema/track.json").read_text()
    done = unlet("schema", "../files")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == "schema: there is no schema '../files'"
    assert "judgement" in done.stderr.splitlines()[1]
