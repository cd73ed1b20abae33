import json
from pathlib import Path

import pytest

from toolkit.contribution import Contribution
from toolkit.docker.steps import MODULE, Demotion, steps
from toolkit.errors import ToolkitError
from toolkit.lift.plan import Design
from toolkit.model import Oid
from toolkit.pr import contributions

BRANCHES = ("docker", "docker/components", "jané's branch", "a%2Fb", "a/b")


def contribution(branch: str, text: bytes = b"text\n") -> Contribution:
    return Contribution(
        branch=branch,
        target="docker",
        base="upstream/master",
        base_commit=Oid("a" * 40),
        commits=(Oid("b" * 40), Oid("c" * 40)),
        steps=steps(Design.HIDDEN, Demotion.DROP),
        only=("lift", MODULE),
        trailers=("Assisted-by: nobody",),
        text=contributions.digest(text),
    )


def keep(common: Path, branch: str, text: bytes = b"text\n") -> Contribution:
    kept = contribution(branch, text)
    with contributions.replacing(common, branch) as replacement:
        (replacement.building / contributions.TEXT).write_bytes(text)
        contributions.write(replacement.building, kept)
        replacement.take_place()
    return kept


def tree(directory: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None
        for path in directory.rglob("*")
    }


class TestRecord:
    def test_written_contribution_is_read_back(self, tmp_path: Path) -> None:
        kept = [keep(tmp_path, branch) for branch in BRANCHES]
        assert [contributions.read(tmp_path, branch) for branch in BRANCHES] == kept
        assert sorted(each.branch for each in contributions.known(tmp_path)) == sorted(
            BRANCHES
        )
        for branch in BRANCHES:
            contributions.forget(tmp_path, branch)
            assert contributions.read(tmp_path, branch) is None
        assert list(tmp_path.iterdir()) == []

    def test_other_files_are_no_branches(self, tmp_path: Path) -> None:
        (tmp_path / "unlet" / "mine").mkdir(parents=True)
        (tmp_path / "unlet" / "file").write_text("mine\n")
        assert contributions.known(tmp_path) == ()
        assert contributions.read(tmp_path, "file") is None
        keep(tmp_path, "docker")
        contributions.forget(tmp_path, "docker")
        assert sorted(path.name for path in (tmp_path / "unlet").iterdir()) == [
            "file",
            "mine",
        ]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (None, "is not JSON"),
            ({"schema": 1}, "another version wrote the file"),
            ({"schema": "1"}, "schema"),
            ({"base_commit": "abc"}, "abc"),
            ({"commits": "none"}, "commits"),
            ({"text": None}, "text"),
        ],
    )
    def test_damage_names_file_and_field(
        self, tmp_path: Path, change: dict[str, object] | None, message: str
    ) -> None:
        keep(tmp_path, "docker")
        path = contributions.place(tmp_path, "docker") / "branch.json"
        path.write_text(
            "{" if change is None else json.dumps(json.loads(path.read_text()) | change)
        )
        with pytest.raises(ToolkitError) as caught:
            contributions.read(tmp_path, "docker")
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


class TestReplacing:
    @pytest.mark.parametrize("had", [False, True])
    @pytest.mark.parametrize(
        ("how", "put"),
        [
            ("ends", False),
            *(
                (how, put)
                for how in (KeyboardInterrupt, ToolkitError, OSError)
                for put in (False, True)
            ),
        ],
    )
    def test_failure_leaves_no_trace(
        self, tmp_path: Path, how: str | type[BaseException], *, had: bool, put: bool
    ) -> None:
        if had:
            keep(tmp_path, "docker")
        before = tree(tmp_path)
        expected = (
            () if isinstance(how, str) else ToolkitError if how is OSError else how
        )
        try:
            with contributions.replacing(tmp_path, "docker") as replacement:
                assert replacement.place.exists() is had
                (replacement.building / "file").touch()
                if put:
                    replacement.take_place()
                    assert (replacement.place / "file").exists()
                if not isinstance(how, str):
                    raise how("no")
        except expected:
            assert not isinstance(how, str)
        assert tree(tmp_path) == before


class TestRecover:
    def test_branch_that_a_killed_run_set_aside_comes_back(
        self, tmp_path: Path
    ) -> None:
        kept = keep(tmp_path, "docker/components")
        place = contributions.place(tmp_path, "docker/components")
        before = tree(tmp_path)
        place.rename(place.with_name(f".{place.name}.0123abcd"))
        place.mkdir()
        (place / "report.json").write_text("half")
        assert contributions.read(tmp_path, "docker/components") is None
        contributions.recover(tmp_path)
        assert contributions.read(tmp_path, "docker/components") == kept
        assert tree(tmp_path) == before

    def test_leftovers_go_unless_another_run_is_at_work(self, tmp_path: Path) -> None:
        keep(tmp_path, "docker")
        before = tree(tmp_path)
        place = contributions.place(tmp_path, "docker")
        (place.with_name(".docker.4567cdef")).mkdir()
        (place.with_name(".docker.89abcdef")).mkdir()
        (place.with_name(".docker.89abcdef") / "branch.json").write_text("an older one")
        with contributions.replacing(tmp_path, "docker"):
            at_work = tree(tmp_path)
            contributions.recover(tmp_path)
            assert tree(tmp_path) == at_work
        contributions.recover(tmp_path)
        assert tree(tmp_path) == before
