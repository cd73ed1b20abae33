import json
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from toolkit import __version__
from toolkit.errors import ToolkitError
from toolkit.git.reading import blob_id
from toolkit.model import Oid, Report, Status
from toolkit.report.report import (
    SCHEMA,
    WrittenSource,
    document,
    from_json,
    to_json,
    to_markdown,
)


def test_report_is_read_as_it_was_written_with_unknown_fields(
    report: Report,
) -> None:
    value = json.loads(to_json(report)) | {"novelty": 1}
    read, proposal = from_json(json.dumps(value).encode()), report.proposal
    assert (read.unlet, read.result, read.target, read.file) == (
        __version__,
        "failed",
        "docker",
        str(proposal.target),
    )
    assert (read.bindings, read.steps, read.recipe) == (
        proposal.bindings,
        proposal.steps,
        None,
    )
    assert [commit.subject for commit in read.commits] == [
        "docker: lift",
        "docker: demote",
    ]
    blob = blob_id(proposal.source.content)
    assert read.source == WrittenSource(
        origin="nixpkgs from a fork",
        blob=blob,
        commit=Oid("4" * 40),
        nixpkgs="somewhere",
    )


def test_same_report_gives_the_same_bytes_with_sorted_keys_source_and_request(
    report: Report,
) -> None:
    content = to_json(report)
    assert content == to_json(replace(report))
    value = json.loads(content)
    assert list(value) == sorted(value)
    assert value["schema"] == SCHEMA
    assert content.endswith(b"}\n")
    source = value["source"]
    assert (source["commit"], source["nixpkgs"], source["rev"]) == (
        "4" * 40,
        "somewhere",
        "main",
    )
    assert source["blob"] == str(blob_id(report.proposal.source.content))


def test_one_failed_proof_fails_and_one_that_was_not_run_or_none_at_all_is_no_success(
    report: Report,
) -> None:
    proofs = report.proofs
    unfailed = tuple(proof for proof in proofs if proof.status is not Status.FAILED)
    for some, result in (
        (proofs, "failed"),
        (unfailed, "incomplete"),
        ((), "incomplete"),
        (proofs[:1], "passed"),
    ):
        assert document(replace(report, proofs=some))["result"] == result


def _set(path: str, new: object) -> Callable[[dict[str, Any]], None]:
    def change(value: Any) -> None:  # noqa: ANN401 - any JSON
        *way, last = path.split(".")
        for name in way:
            value = value[int(name)] if name.isdigit() else value[name]
        if new is None:
            del value[last]
        else:
            value[last] = new

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("schema", 99), "field 'schema' is 99"),
        (_set("schema", None), "object missing required field `schema`"),
        (
            _set("steps", [{"name": "lift"}]),
            "object missing required field `design` - at `$.steps[0]`",
        ),
        (
            _set("commits.0.subject", 1),
            "expected `str`, got `int` - at `$.commits[0].subject`",
        ),
        (_set("source.blob", "abc"), "git object id: 'abc' is not 40"),
        (_set("source", []), "expected `object`, got `array` - at `$.source`"),
        (_set("commits", {}), "expected `array`, got `object` - at `$.commits`"),
    ],
)
def test_wrong_field_is_named(
    report: Report, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    value = json.loads(to_json(report))
    change(value)
    with pytest.raises(ToolkitError) as caught:
        from_json(json.dumps(value).encode(), name="x/report.json")
    assert caught.value.message.startswith(f"x/report.json: {message}")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
def test_report_that_is_no_json_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(
        ToolkitError,
        match=r"^report\.json: (is not JSON, or is incomplete|expected `object`, got "
        r"[^\n]*)$",
    ):
        from_json(content)


def test_every_proof_is_told_and_what_it_was_made_with(report: Report) -> None:
    text = to_markdown(report).decode()
    for part in (
        "**Failed**: 3 proofs, 1 passed, 1 failed, 1 not run.",
        "| passed | no-rebuild | 12 derivations \\| 4 systems | 0.12 |",
        "| **failed** | builds |",
        "Failed: the suffix is empty",
        "Not run, because nixfmt is not installed",
        "nix-instantiate --eval a.nix",
        f"| commit | `{'4' * 40}` |",
        "| nix | 2.26.3 |",
        "> **Warning:** a warning",
        "`overlay/default.nix`",
    ):
        assert part in text


def test_nothing_in_a_report_acts_on_a_terminal(report: Report) -> None:
    evil = "\x1b[31m\u202e\x07"
    source = replace(report.proposal.source, origin=f"tree ({evil})")
    proofs = tuple(
        replace(proof, reason=evil, evidence=(evil,), covers=evil)
        for proof in report.proofs
    )
    spoilt = replace(
        report,
        proposal=replace(report.proposal, source=source),
        proofs=proofs,
        warnings=(evil,),
    )
    assert not set(evil) & set(to_markdown(spoilt).decode()) - set("[31m")
