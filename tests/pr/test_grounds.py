import time

import pytest

from toolkit.git.clone import Base
from toolkit.model import Oid
from toolkit.pr.grounds import base_warnings


def _base(branch: str, *, days: float | None = None) -> Base:
    fetched = int(time.time() - days * 86400) if days is not None else None
    return Base(name=f"origin/{branch}", commit=Oid("a" * 40), branch=branch, remote="origin", fetched=fetched)


@pytest.mark.parametrize(
    ("branch", "instead"),
    [
        ("nixos-unstable-small", "master"),
        ("nixpkgs-unstable", "master"),
        ("nixos-26.05", "release-26.05"),
        ("nixpkgs-26.05-darwin", "release-26.05"),
    ],
)
def test_a_channel_branch_takes_no_pull_requests(branch: str, instead: str) -> None:
    (warning,) = base_warnings(_base(branch))
    assert warning == f"origin/{branch}: is a channel branch, which takes no pull requests; --base {instead}"


@pytest.mark.parametrize("branch", ["master", "staging", "release-26.05", "nixos-26.05-mine", "haskell-updates"])
def test_any_other_branch_does(branch: str) -> None:
    assert list(base_warnings(_base(branch))) == []


def test_a_base_that_was_fetched_two_weeks_ago_is_old() -> None:
    assert list(base_warnings(_base("master", days=13.9))) == []
    (warning,) = base_warnings(_base("master", days=14.1))
    assert warning == "origin/master: was fetched 14 days ago; --fetch gets a newer one"
