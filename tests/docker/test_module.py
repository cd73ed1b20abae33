import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from tests.docker.conftest import source_at, source_of
from toolkit import specimen
from toolkit.docker import module
from toolkit.docker.steps import plan
from toolkit.errors import LayoutError, ToolkitError, UsageError
from toolkit.model import Source

LAYOUTS = ("29.6", "24.0")
NOTES = "nixos/doc/manual/release-notes/rl-2611.section.md"


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Source]:
    """Return what makes a source of the specimen with files taken away (None) or written."""

    def make(changes: dict[str, bytes | None]) -> Source:
        root = shutil.copytree(specimen.path(), tmp_path / "tree")
        for name, content in changes.items():
            if content is None:
                (root / name).unlink()
            else:
                (root / name).write_bytes(content)
        return source_at(str(root))

    return make


@pytest.mark.parametrize("layout", LAYOUTS)
def test_commit_has_the_option_its_test_and_its_note(layout: str) -> None:
    commit = module.prepare(source_of(layout))
    assert commit.subject.startswith("nixos/")
    assert max(map(len, commit.message.splitlines())) <= 72
    option = plan().module.option
    *code, note = commit.files
    assert [file.path for file in code] == [module.FILE, module.TEST][: len(code)]
    assert note.path.parent == module.RELEASE_NOTES
    for file in commit.files:
        assert option in file.after.decode()
        assert option not in (file.before or b"").decode()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({str(module.FILE): None}, f"{module.FILE}: this nixpkgs lacks the file"),
        ({NOTES: None}, f"{NOTES}: this nixpkgs lacks the file"),
        ({NOTES: b"# a\r\n"}, f"{NOTES}:1:4: the line ends with CRLF"),
        ({".version": b"unstable\n"}, ".version: contains no release such as 26.11"),
    ],
)
def test_nixpkgs_that_lacks_what_is_changed_is_named(
    changes: dict[str, bytes | None], message: str, tree: Callable[..., Source]
) -> None:
    with pytest.raises(ToolkitError) as caught:
        module.prepare(tree(changes))
    assert caught.value.message == message
    assert not isinstance(caught.value, UsageError)


def test_without_a_test_the_rest_is_made_and_the_release_may_be_that_of_lib(
    tree: Callable[..., Source],
) -> None:
    commit = module.prepare(
        tree({str(module.TEST): None, ".version": None, "lib/.version": b"26.11\n"})
    )
    assert [file.path for file in commit.files] == [module.FILE, PurePosixPath(NOTES)]


def test_existing_option_is_not_added_again(tree: Callable[..., Source]) -> None:
    source = tree({})
    assert source.root is not None
    for file in module.prepare(source).files:
        (source.root / file.path).write_bytes(file.after)
        with pytest.raises(LayoutError, match=r"already exists$"):
            module.prepare(source)
