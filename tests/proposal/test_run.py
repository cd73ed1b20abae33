"""The one runner of proofs, with claims that are made up."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pytest
from msgspec.structs import replace

from tests.progress import Steps
from toolkit.errors import CommandError, NotRunError, ToolkitError, UsageError
from toolkit.model import Proof, Silence, Source, Status, Tier
from toolkit.nix import limits
from toolkit.proposal.prove import Case, Claim, Finding, Stage, narrowed, run

PASSES = Finding(covers="all")


def case(root: Path) -> Case[Stage]:
    stages = [
        Stage(name=name, content=b"", path=root / name / "x.nix")
        for name in ("before", "after")
    ]
    source = Source(origin="a test", content=b"", directory=root, root=root)
    return Case(
        source=source, package="x", target=PurePosixPath("x.nix"), stages=tuple(stages)
    )


def claim(
    name: str, finding: Finding | BaseException = PASSES, **more: object
) -> Claim[Case[Stage]]:
    def check(_: Case[Stage]) -> Finding:
        if isinstance(finding, BaseException):
            raise finding
        return finding

    return Claim(name, f"the sentence of {name}", check, **more)  # type: ignore[arg-type]


def proven(
    root: Path, *claims: Claim[Case[Stage]], names: tuple[str, ...] = ()
) -> list[Proof]:
    return list(run(claims, case(root), names, progress=Silence()))


def test_a_claim_that_is_narrowed_names_the_systems() -> None:
    claims = (claim("a", wide=True), claim("b"))
    sentences = [each.sentence for each in narrowed(claims, ["one", "other"])]
    assert sentences == ["the sentence of a on one, other", "the sentence of b"]
    assert narrowed(claims, []) == claims


def test_limit_of_the_user_holds_for_each_proof(tmp_path: Path) -> None:
    seen: list[float] = []

    def check(_: Case[Stage]) -> Finding:
        seen.append(limits.seconds())
        return PASSES

    with limits.allowing(7.0, None):
        proven(
            tmp_path,
            Claim("a", "a", check),
            Claim("b", "b", check),
            Claim("c", "c", check),
        )
    assert seen == [7.0] * 3


def test_a_finding_becomes_a_proof_with_its_facts(tmp_path: Path) -> None:
    finding = Finding(covers="3 files", evidence=("e",), gaps=("g",), commands=("c",))
    (proof,) = proven(tmp_path, claim("a", finding))
    assert replace(proof, seconds=0.0) == Proof(
        name="a",
        claim="the sentence of a",
        status=Status.PASSED,
        covers="3 files",
        evidence=("g", "e"),
        gaps=("g",),
        commands=("c",),
    )
    assert 0 < proof.seconds < 60


def test_the_first_failure_is_the_reason_and_fails_what_was_not_run_too(
    tmp_path: Path,
) -> None:
    finding = Finding(
        covers="x",
        evidence=("e",),
        gaps=("g",),
        failures=("one", "two"),
        not_run="because",
    )
    (proof,) = proven(tmp_path, claim("a", finding))
    assert (proof.status, proof.reason, proof.evidence) == (
        Status.FAILED,
        "one",
        ("two", "g", "e"),
    )
    (proof,) = proven(tmp_path, claim("a", replace(finding, failures=())))
    assert (proof.status, proof.reason) == (Status.NOT_RUN, "because")


@pytest.mark.parametrize(
    ("error", "status", "reason", "asked"),
    [
        (ToolkitError("x: is wrong"), Status.FAILED, "x: is wrong", False),
        (
            NotRunError("there is no Nix"),
            Status.NOT_RUN,
            "because there is no Nix",
            False,
        ),
        (
            CommandError(["nix", "eval"], status=1, stderr="error: no such thing\n"),
            Status.FAILED,
            "nix: no such thing",
            False,
        ),
        (
            CommandError(["nix", "eval"], status=-9, stderr="error: it\n"),
            Status.NOT_RUN,
            (
                "because nix: signal 9 killed the evaluation: the memory was probably "
                "full"
            ),
            True,
        ),
    ],
)
def test_an_error_is_a_failure_of_the_proof_alone(
    tmp_path: Path, error: ToolkitError, status: Status, reason: str, asked: object
) -> None:
    proof, other = proven(tmp_path, claim("a", error), claim("b"))
    assert (proof.name, proof.covers, other.status) == ("a", "nothing", Status.PASSED)
    assert (proof.status, (proof.reason or "").partition(";")[0]) == (status, reason)
    assert proof.asked is asked
    assert proof.commands == (("nix eval",) if isinstance(error, CommandError) else ())


def test_a_defect_is_no_failure_of_a_proof_and_an_interrupt_ends_the_run(
    tmp_path: Path,
) -> None:
    with pytest.raises(ZeroDivisionError):
        proven(tmp_path, claim("a", ZeroDivisionError()))
    for queue in ("", "deep"):
        with pytest.raises(KeyboardInterrupt):
            proven(
                tmp_path,
                claim("a"),
                claim("b", queue="other"),
                claim("deep", KeyboardInterrupt(), queue=queue),
            )


def test_without_names_all_run_and_an_unknown_name_is_refused_with_the_known_ones(
    tmp_path: Path,
) -> None:
    claims = (claim("a"), claim("b"), claim("c"))
    assert [proof.name for proof in proven(tmp_path, *claims)] == ["a", "b", "c"]
    assert [proof.name for proof in proven(tmp_path, *claims, names=("c", "b"))] == [
        "b",
        "c",
    ]
    with pytest.raises(UsageError, match=r"^proof: there is no proof 'd'") as caught:
        proven(tmp_path, claim("a"), claim("b"), names=("d",))
    assert caught.value.hint == "the proofs are a, b"
    with pytest.raises(
        UsageError, match=r"^proof: there is no proof 'parze'"
    ) as caught:
        proven(tmp_path, claim("parse"), claim("b"), names=("parze",))
    assert caught.value.hint == "did you mean parse?"


def test_requested_proof_is_marked(tmp_path: Path) -> None:
    claims = (
        claim("a"),
        claim("b"),
        claim("alone", queue="deep"),
        claim("built", tier=Tier.BUILD),
    )
    asked = {proof.name: proof.asked for proof in proven(tmp_path, *claims)}
    assert asked == {"a": False, "b": False, "alone": False, "built": True}
    asked = {
        proof.name: proof.asked
        for proof in proven(tmp_path, *claims, names=("a", "alone"))
    }
    assert asked == {"a": True, "alone": True}


def test_those_that_are_deeper_follow_the_others(tmp_path: Path) -> None:
    claims = (
        claim("deep", queue="deep"),
        claim("deeper", tier=Tier.BUILD),
        claim("a"),
        claim("b"),
    )
    progress = Steps()
    proofs = run(claims, case(tmp_path), progress=progress)
    order = ["a", "b", "deep", "deeper"]
    assert progress.steps == [f"proving {name}" for name in order]
    assert {proof.name for proof in proofs} == set(order)


@pytest.mark.parametrize("queues", [("", "", ""), ("x", "y", "z")])
def test_those_of_no_queue_run_side_by_side_and_so_do_the_queues(
    tmp_path: Path, queues: Sequence[str]
) -> None:
    barrier = threading.Barrier(3, timeout=60)

    def check(_: Case[Stage]) -> Finding:
        barrier.wait()
        return PASSES

    claims = tuple(
        Claim(queue or name, name, check, queue=queue)
        for name, queue in zip("abc", queues, strict=True)
    )
    assert [proof.status for proof in proven(tmp_path, *claims)] == [Status.PASSED] * 3


def test_those_of_one_queue_run_one_after_another(tmp_path: Path) -> None:
    running = threading.Lock()
    seen: list[bool] = []

    def check(_: Case[Stage]) -> Finding:
        seen.append(running.acquire(blocking=False))
        time.sleep(0.05)
        running.release()
        return PASSES

    claims = [Claim(name, name, check, queue="one") for name in "abc"]
    assert [proof.name for proof in proven(tmp_path, *claims)] == ["a", "b", "c"]
    assert seen == [True] * 3


@pytest.mark.parametrize(
    ("tier", "queue", "sealed", "bounded"),
    [
        (Tier.TREE, "", True, True),
        (Tier.TREE, "deep", True, False),
        (Tier.BUILD, "", False, False),
    ],
)
def test_evaluation_is_sealed_and_proofs_side_by_side_have_an_end(
    tmp_path: Path, tier: Tier, queue: str, sealed: object, bounded: object
) -> None:
    seen: list[tuple[bool, bool]] = []

    def check(_: Case[Stage]) -> Finding:
        seen.append(
            (
                limits.is_sealed(),
                limits.left() <= limits.seconds(limits.TOGETHER_SECONDS),
            )
        )
        return PASSES

    proven(tmp_path, Claim("a", "a", check, tier=tier, queue=queue))
    assert seen == [(sealed, bounded)]


def test_a_case_begins_unchanged_and_may_read_its_stages_and_the_library(
    tmp_path: Path,
) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / ".version").write_text("26.11")
    of = case(tmp_path)
    assert (of.before.name, of.after.name) == ("before", "after")
    assert of.reach == (
        tmp_path / "before",
        tmp_path / "after",
        tmp_path / "lib",
        tmp_path / ".version",
    )
    (tmp_path / "lib").rmdir()
    (tmp_path / "lib").symlink_to("/etc")
    assert tmp_path / "lib" not in case(tmp_path).reach
    lone = replace(of, source=Source(origin="a test", content=b"", directory=tmp_path))
    assert lone.reach == (tmp_path / "before", tmp_path / "after")
