from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace

from toolkit import patches
from toolkit.docker.plan import Demotion, Strategy, steps
from toolkit.docker.propose import texts
from toolkit.errors import ToolkitError
from toolkit.model import Column, Oid, Proof, Report, Status
from toolkit.report.markdown import unwrapped
from toolkit.report.pull_request import LIMIT, DraftFacts, Texts, boxes, draft, title

if TYPE_CHECKING:
    from pathlib import Path

    from markdown_it.token import Token

TEXTS = texts()
TEMPLATE = (
    b"<!-- why -->\n\n## Done\n\n- [ ] x86_64-linux\n  - [ ] [NixOS tests] in there.\n- [ ] Else.\n\n---\n\nThanks :+1:"
)
NIXOS_TEST = {"nixos-test": "nixosTests.docker: publish ports"}
REBUILDS = "reverse-dependencies"


def _with(report: Report, *proofs: Proof) -> Report:
    return replace(report, proofs=proofs)


def _proof(name: str, status: Status = Status.PASSED, **fields: str | tuple[str, ...]) -> Proof:
    proof = Proof(name=name, claim="a claim", status=status, covers="something")
    return replace(proof, **fields)


def _facts(report: Report, **fields: object) -> DraftFacts:
    return replace(DraftFacts(report=report, texts=TEXTS, template=TEMPLATE, extras={}), **fields)


def _draft(report: Report, **fields: object) -> str:
    return draft(_facts(report, **fields)).decode()


def _designed(report: Report, strategy: Strategy | None, demotion: Demotion | None) -> Report:
    chosen = steps(strategy, demotion)
    commits = report.proposal.commits[: len(chosen)]
    return replace(report, proposal=replace(report.proposal, steps=chosen, commits=commits))


def _seen(text: str) -> str:
    """Return what is seen before anything is unfolded, without the template."""
    return text.partition("<details>")[0]


def _tokens(text: str) -> list[Token]:
    """Return the tokens of GitHub's Markdown, inline ones included."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return [token for block in tokens for token in (block, *(block.children or ()))]


def test_template_ends_the_draft_byte_for_byte(report: Report) -> None:
    assert draft(_facts(report)).endswith(b"</details>\n\n" + TEMPLATE)
    assert draft(_facts(report, template=b"\xff\r\n")).endswith(b"</details>\n\n\xff\r\n")


def test_a_missing_template_is_asked_for_unseen(report: Report) -> None:
    assert _draft(report, template=b"").endswith("below this line. -->\n")


def test_what_is_seen_is_short_and_names_the_open_pull_request_first(report: Report) -> None:
    seen = _seen(_draft(report))
    assert seen.startswith("Related: #549926 ")
    prose = re.sub(r"```nix\n.*?```", "", seen, flags=re.DOTALL)
    assert len([line for line in prose.splitlines() if line]) <= 15
    assert all(f"#{each.number}" in seen for each in TEXTS.earlier)


def test_proofs_on_stand_ins_tick_no_box(report: Report) -> None:
    names = ("parse", "applies", "no-rebuild", "exact-change", "overridable", "builds", "runs", "overlay")
    proven = _with(report, *map(_proof, names), _proof("specimen-built-x86_64-linux"))
    assert b"[x]" not in boxes(_facts(proven, extras=NIXOS_TEST)).partition(b"\n\n- ")[2]


def test_a_proof_ticks_its_box_only_if_it_passed_with_all_that_it_takes(report: Report) -> None:
    def ticked(*proofs: Proof, **fields: object) -> list[str]:
        return re.findall(r"^- \[x\] (.*)$", boxes(_facts(_with(report, *proofs), **fields)).decode(), re.MULTILINE)

    assert ticked(_proof("built-x86_64-linux")) == ["x86_64-linux"]
    assert ticked(_proof("built-x86_64-linux", Status.FAILED), _proof("built-aarch64-linux")) == []
    assert ticked(_proof("vm")) == []
    assert ticked(_proof("vm"), extras=NIXOS_TEST) == ["[NixOS tests] in there."]


def test_every_other_box_says_how_to_tick_it(report: Report) -> None:
    said = boxes(_facts(report)).decode()
    assert "- [ ] x86_64-linux\n  nix-build -A docker --argstr system x86_64-linux\n" in said
    assert "- [ ] Else.\n  Yours to decide.\n" in said
    assert "\nBefore you open this one: #549926 " in said


@pytest.mark.parametrize("demotion", Demotion)
@pytest.mark.parametrize("strategy", Strategy)
def test_no_paragraph_is_broken_into_lines(report: Report, strategy: Strategy, demotion: Demotion) -> None:
    # GitHub would show each line on its own.
    text = _draft(_designed(report, strategy, demotion), extras=NIXOS_TEST, trailers=("Assisted-by: x",), template=b"")
    assert not [token for token in _tokens(text) if token.type in {"softbreak", "hardbreak"}]


def test_title_is_one_that_upstream_takes(report: Report) -> None:
    for demotion in Demotion:
        said = title(_designed(report, Strategy.PARAMETER, demotion), TEXTS)
        assert re.fullmatch(r"docker: [^A-Z].{,63}[^.]", said)
    alone = _designed(report, Strategy.PARAMETER, None)
    assert title(alone, TEXTS) == alone.proposal.commits[0].subject


def test_a_series_of_one_step_says_nothing_of_the_other(report: Report) -> None:
    text = _seen(_draft(_designed(report, Strategy.PARAMETER, None)))
    assert "rootlesskit" not in text
    assert "commit 2" not in text.lower()


def test_zero_rebuild_claim_has_its_evidence_and_the_commands_for_both_sides(report: Report) -> None:
    text = _draft(report)
    assert (
        "No drvPath changes with commit 1 (12 derivations | 4 systems). To compare them yourself, run `nix-inst"
        in _seen(text)
    )
    assert "-A docker -A docker-client || exit" in text
    assert f"base=$(drvs {'4' * 12}) && first=$(drvs HEAD~1) &&" in text


def test_commits_are_named_as_they_are_known(report: Report) -> None:
    unknown = replace(report, proposal=replace(report.proposal, source=replace(report.proposal.source, commit=None)))
    assert "base=$(drvs HEAD~2) && first=$(drvs HEAD~1) &&" in _draft(unknown)
    assert "base=$(drvs HEAD~3) && first=$(drvs HEAD~2) &&" in _draft(unknown, extras=NIXOS_TEST)
    ids = (Oid("a" * 40), Oid("b" * 40))
    assert f"base=$(drvs {'a' * 12}~1) && first=$(drvs {'a' * 12}) &&" in _draft(unknown, commits=ids)
    assert f"base=$(drvs {'c' * 12}) && first=$(drvs {'a' * 12}) &&" in _draft(report, commits=ids, base=Oid("c" * 40))


def test_without_its_proof_no_claim_is_made(report: Report) -> None:
    failed = _with(
        report,
        _proof("no-rebuild", Status.FAILED, reason="docker is rebuilt"),
        *(_proof(name, Status.NOT_RUN, reason="because") for name in TEXTS.proven),
    )
    text = _draft(failed)
    assert "rebuilds nothing" not in text
    assert "No drvPath" not in text
    assert "drvs()" not in text
    assert not any(sentence in text for sentence in ("Proven by evaluation", *TEXTS.proven.values()))
    assert "- **`no-rebuild` failed**: docker is rebuilt\n" in text
    assert "What the last commit rebuilds was not proven." in text


@pytest.mark.parametrize("strategy", [Strategy.ATTRS_FIRST, Strategy.HIDDEN])
def test_how_it_differs_from_the_open_one_is_said_of_the_design(report: Report, strategy: Strategy) -> None:
    related = _draft(_designed(report, strategy, None)).splitlines()[0]
    differs = {each: TEXTS.steps["lift"][each].differs for each in (Strategy.ATTRS_FIRST, Strategy.HIDDEN)}
    assert [each for each, sentence in differs.items() if sentence in related] == [strategy]
    assert related.endswith("please comment there first.")


def test_a_single_commit_is_not_numbered_and_those_on_request_say_what_they_are_for(report: Report) -> None:
    assert "1. " not in _seen(_draft(_designed(report, Strategy.HIDDEN, None)))
    module = {"nixos-module": "nixos/docker-rootless: add option exposePrivilegedPorts"}
    assert f"3. `{module['nixos-module']}`: {TEXTS.extras['nixos-module']}" in _seen(_draft(report, extras=module))


def test_the_deepest_list_of_rebuilds_is_shown(report: Report) -> None:
    proofs = (_proof("exact-change", evidence=("docker_29: moby",)), _proof(REBUILDS, evidence=("all: 17",)))
    text = _draft(_with(report, *proofs))
    assert "all: 17" in text
    assert "docker_29: moby" not in text
    assert "--reverse-dependencies" not in text


@pytest.mark.parametrize("strategy", Strategy)
def test_the_design_of_the_series_is_not_among_those_that_were_not_taken(report: Report, strategy: Strategy) -> None:
    seen = _seen(_draft(_designed(report, strategy, Demotion.SUFFIX)))
    for each in TEXTS.rejected:
        assert (each.reason in seen) == (each.unless != strategy)


def test_suffix_has_its_price_and_drop_is_called_a_breakage(report: Report) -> None:
    assert "now takes precedence over docker's own" in _seen(_draft(report))
    assert "breaks users" in _seen(_draft(_designed(report, Strategy.PARAMETER, Demotion.DROP)))


def test_tool_is_disclosed_and_trailers_are_named(report: Report) -> None:
    text = _draft(report, trailers=("Assisted-by: a `tool`",))
    assert "a program" in text
    assert "language models" in text
    assert "The commits carry these trailers:\n\n- `` Assisted-by: a `tool` ``" in text


def test_compared_designs_and_other_branches_are_folded(report: Report) -> None:
    columns = (Column(name="hidden", proofs=(_proof("parse"),), added=3, removed=2, moved=1),)
    text = _draft(replace(report, comparison=columns), matrix="| staging | applies |")
    folded = text.partition("<details>")[2].partition("</details>")[0]
    assert "| hidden | 1 passed | +3 -2, 1 of them moved |" in folded
    assert "| staging | applies |" in folded


def test_every_proof_is_in_the_table_and_what_did_not_pass_is_in_front(report: Report) -> None:
    proofs = (
        _proof("parse"),
        _proof("builds", Status.FAILED, reason="broken"),
        _proof("vm", Status.NOT_RUN, reason="no"),
    )
    front, _, table = _draft(_with(report, *proofs)).partition("| proof | claim |")
    assert "- **`builds` failed**: broken\n- `vm` was not run, no" in front
    assert [f"| {proof.name} |" in table for proof in proofs] == [True] * 3


def test_nothing_of_the_machine_is_in_the_draft(report: Report) -> None:
    source = replace(report.proposal.source, commit=None, origin="/home/me/nixpkgs")
    private = _proof(
        "exact-change",
        Status.FAILED,
        reason="cannot read '/home/me/x y', see /srv/me/z: no /dev/kvm",
        commands=("nix-instantiate /home/me/x",),
    )
    seen = _proof(REBUILDS, covers="x in /data/me", evidence=("x → demoted: /home/me/y",))
    changed = replace(report, proposal=replace(report.proposal, source=source), proofs=(private, seen))
    text = _draft(changed)
    assert "/me" not in text
    assert "no /dev/kvm" in text


def test_foreign_text_is_neither_markdown_nor_html(report: Report) -> None:
    evil = "`</details> <img src=x> ![x](http://x) **b** | @user #1 -->\n## H\n- [x] x86_64-linux ```"
    proofs = tuple(
        _proof(name, status, covers=evil, reason=evil, claim=evil, evidence=(evil, f"  {evil}"))
        for name in ("no-rebuild", "exact-change", REBUILDS, "compatible", evil)
        for status in Status
    )
    columns = (Column(name=evil, proofs=proofs, added=1, removed=1, moved=0),)
    commits = tuple(replace(commit, subject=evil) for commit in report.proposal.commits)
    changed = replace(report, proofs=proofs, comparison=columns, proposal=replace(report.proposal, commits=commits))
    text = _draft(changed, extras={"nixos-test": evil}, trailers=(f"A: {evil}",), template=b"")
    html = [token.content.strip() for token in _tokens(text) if token.type in {"html_block", "html_inline"}]
    ours = r"<!--(?:(?!-->).)*-->|<details>\n<summary>[^<]*</summary>|</details>"
    assert [each for each in html if not re.fullmatch(ours, each, re.DOTALL)] == []
    assert not [token for token in _tokens(text) if token.type in {"image", "heading_open"}]
    assert text.count("<details>") == len(re.findall(r"^</details>$", text, re.MULTILINE)) == 1
    assert "@user" not in "".join(token.content for token in _tokens(text) if token.type == "text")


def test_an_enormous_report_fits_into_a_pull_request(report: Report) -> None:
    lines = tuple(f"x86_64-linux docker_{number}: {'moby ' * 99}" for number in range(5000))
    names = ("no-rebuild", "exact-change", "tree-no-rebuild", "tree-exact-change", REBUILDS, "compatible")
    known = tuple(_proof(name, covers="é" * 9999, evidence=lines) for name in names)
    others = tuple(
        _proof(f"proof-{number}", status, covers="c" * 999, claim="d" * 999, reason="r" * 999)
        for number in range(999)
        for status in Status
    )
    columns = tuple(Column(name=name, proofs=others, added=1, removed=1, moved=0) for name in "abcdefghijk")
    huge = replace(report, proofs=(*known, *others), comparison=columns)
    trailers = tuple(f"T-{number}: {'x' * 999}" for number in range(999))
    text = _draft(huge, extras=NIXOS_TEST, matrix="| x |\n" * 99999, trailers=trailers)
    assert len(text.encode()) < LIMIT
    assert text.encode().endswith(TEMPLATE)
    assert "more, see report.json" in text
    assert text.count("<details>") == text.count("</details>")
    assert text.count("```") % 2 == 0


def test_a_long_list_is_cut_no_more_than_it_has_to_be(report: Report) -> None:
    lines = tuple(f"x86_64-linux docker_{number}: docker, moby" for number in range(150))
    assert lines[-1] in _draft(_with(report, _proof("exact-change", evidence=lines)))
    text = _draft(_with(report, _proof("exact-change", evidence=lines * 2)))
    assert "\n… and 100 more, see report.json\n```" in text


@pytest.mark.parametrize(
    ("before", "after", "fact"),
    [
        ("disclosure =", "disclosed =", "field 'disclosure' is missing"),
        ("number = 549926", "number = '549926'", "field 'earlier[0].number' is of type 'str' instead of 'int'"),
        ("open = true", "opened = true", "field 'earlier[0].opened' is unknown"),
        ("[proven]", "[proven", "not TOML: "),
    ],
)
def test_wrong_field_of_the_texts_is_named(tmp_path: Path, before: str, after: str, fact: str) -> None:
    content = (patches.shipped() / "pull-request.toml").read_text()
    assert before in content
    path = tmp_path / "x.toml"
    path.write_text(content.replace(before, after, 1))
    with pytest.raises(ToolkitError) as caught:
        patches.read_toml(path, Texts, form=unwrapped)
    assert caught.value.message.startswith(f"{path}: {fact}")


def test_names_are_filled_in(tmp_path: Path) -> None:
    content = (patches.shipped() / "pull-request.toml").read_text().replace("-A docker.tests", "-A {package}.tests")
    path = tmp_path / "x.toml"
    path.write_text(content)
    texts = patches.read_toml(path, Texts, names={"package": "forgejo"}, form=unwrapped)
    assert any(box.todo == "nix-build -A forgejo.tests" for box in texts.box)
