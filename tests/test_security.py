"""What docs/security.md says of the dependencies.

Its other sentences are held where the code is tested.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_python_packages_have_hashes() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        requirements = re.findall(
            r"^[\w.-]+==(?:.*\\\n)*.*", (ROOT / name).read_text(), re.MULTILINE
        )
        assert requirements
        assert all("--hash=sha256:" in each for each in requirements), name
    assert "--require-hashes" in (ROOT / "setup.sh").read_text()
    assert "--only-binary" in (ROOT / "setup.sh").read_text()
