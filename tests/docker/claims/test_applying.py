from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolkit.docker.case import LIFTED
from toolkit.lift.plan import Design
from toolkit.model import Patch

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.docker.conftest import Draft

NEW_FILE = (
    b"diff --git a/other.nix b/other.nix\nnew file mode 100644\n--- /dev/null\n+++ b/other.nix\n@@ -0,0 +1 @@\n+x\n"
)


def altered(patch: Patch, old: bytes, new: bytes) -> Patch:
    assert patch.content.count(old) == 1
    return Patch(name=patch.name, content=patch.content.replace(old, new))


@pytest.mark.parametrize("layout", ["24.0", "29.6"])
def test_series_and_diff_apply(draft: Callable[..., Draft], layout: str) -> None:
    assert draft(layout).passes("applies")


def test_proof_counts_lines_and_gives_commands(draft: Callable[..., Draft]) -> None:
    proof = draft().prove("applies")
    assert proof.covers.startswith("2 patches, ")
    assert proof.evidence == ("git apply --check and git am, on a commit of the file",)
    assert proof.commands[1:] == (
        "git -C checkout apply --check ../upstream.diff",
        "(cd checkout && git am ../series/*.patch)",
    )


def test_patch_that_does_not_apply_is_named_with_gits_words(draft: Callable[..., Draft]) -> None:
    series = draft()
    first, second = series.case().patches
    broken = altered(
        second, b"\n               # the daemon of an ordinary user\n", b"\n               # another line\n"
    )
    failure = series.failure("applies", patches=(first, broken))
    assert failure.startswith("series: ")
    assert "patch does not apply" in failure or "patch failed" in failure


def test_diff_that_does_not_apply_is_named(draft: Callable[..., Draft]) -> None:
    series = draft()
    diff = series.case().upstream_diff
    broken = diff.replace(b"\n-            # the daemon of an ordinary user\n", b"\n-            # another line\n")
    assert broken != diff
    assert series.failure("applies", upstream_diff=broken).startswith("upstream.diff: ")


def test_series_that_gives_another_file_is_named(draft: Callable[..., Draft]) -> None:
    series = draft()
    first, second = series.case().patches
    patches = (
        first,
        altered(second, b"# which has CAP_NET_BIND", b"# and has CAP_NET_BIND"),
    )
    assert series.failure("applies", patches=patches).startswith("the series and the rewrite give different files\n")


def test_series_whose_end_alone_is_right_is_named(draft: Callable[..., Draft]) -> None:
    series = draft()
    other = series.rewritten(LIFTED, lambda text: text.replace("# for those who", "# for all who"))
    failure = series.failure("applies", patches=other.case().patches)
    assert failure.startswith("the series and the rewrite give different files\n")


def test_diff_that_gives_another_file_is_named(draft: Callable[..., Draft]) -> None:
    series = draft()
    diff = draft(strategy=Design.HIDDEN).case().upstream_diff
    assert "the diff and the rewrite give different files" in series.failure("applies", upstream_diff=diff)


def test_diff_that_touches_another_file_is_named(draft: Callable[..., Draft]) -> None:
    series = draft()
    case = series.case()
    failure = series.failure("applies", upstream_diff=case.upstream_diff + NEW_FILE)
    assert failure.startswith(f"the diff touches {case.target}, other.nix\n")


def test_patch_that_touches_another_file_is_named(draft: Callable[..., Draft]) -> None:
    series = draft()
    first, second = series.case().patches
    more = Patch(name=second.name, content=second.content + NEW_FILE)
    failure = series.failure("applies", patches=(first, more))
    assert f"{second.name} touches {series.case().target}, other.nix" in failure


@pytest.mark.parametrize("diff", [b"", b"nothing\n"])
def test_diff_without_a_change_is_no_success(draft: Callable[..., Draft], diff: bytes) -> None:
    assert draft().failure("applies", upstream_diff=diff)
