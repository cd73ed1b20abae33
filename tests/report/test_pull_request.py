from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

from toolkit.docker import plan as plans
from toolkit.docker.choices import Demotion, Extra, Strategy, steps
from toolkit.errors import ToolkitError
from toolkit.model import Column, Oid, Proof, Report, Status, TreeCommit
from toolkit.report import pull_request
from toolkit.report.pull_request import LIMIT, draft, title
from toolkit.report.pull_request.rebuilds import (
    EXACT_CHANGE,
    EXACT_CHANGE_IN_SET,
    NO_REBUILD,
    NO_REBUILD_IN_SET,
    REVERSE_DEPENDENCIES,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from markdown_it.token import Token

RELEASES = ("docker_28", "docker_29")
TEXTS = pull_request.read(plans.pull_request())
NIXOS_TEST = TreeCommit(subject="nixosTests.docker: publish ports", body="B.", files=(), extra=Extra.NIXOS_TEST)


def _with(report: Report, *proofs: Proof) -> Report:
    return replace(report, proofs=proofs)


def _proof(name: str, status: Status = Status.PASSED, **fields: str | tuple[str, ...]) -> Proof:
    proof = Proof(name=name, claim="a claim", status=status, covers="something")
    return replace(proof, **fields)  # type: ignore[arg-type]


def _draft(report: Report, **arguments: object) -> str:
    return draft(report, TEXTS, releases=RELEASES, **arguments).decode()  # type: ignore[arg-type]


def _ticked(text: str) -> Iterable[str]:
    return re.findall(r"^ *- \[x\] (.*)$", text, re.MULTILINE)


def _tokens(text: str) -> list[Token]:
    """Return the tokens of GitHub's Markdown, inline ones included."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return [token for block in tokens for token in (block, *(block.children or ()))]


def _html(text: str) -> list[str]:
    return [token.content.strip() for token in _tokens(text) if token.type in {"html_block", "html_inline"}]


def _section(text: str, heading: str) -> str:
    return text.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def test_proofs_on_stand_ins_tick_no_box(report: Report) -> None:
    names = ("parse", "applies", NO_REBUILD, EXACT_CHANGE, "overridable", "builds", "update.sh", "runs", "overlay")
    text = _draft(_with(report, *map(_proof, names), _proof("specimen-built-x86_64-linux")), extras=(NIXOS_TEST,))
    assert not _ticked(text)
    assert text.count("- [ ]") == len(TEXTS.boxes)


@pytest.mark.parametrize("system", ["x86_64-linux", "aarch64-linux", "aarch64-darwin"])
def test_a_proof_of_a_real_build_ticks_its_platform_only(report: Report, system: str) -> None:
    text = _draft(_with(report, _proof(f"built-{system}")))
    assert _ticked(text) == [system]
    assert f"[x] {system}\n    <!-- proof built-{system}, in report.json -->" in text


@pytest.mark.parametrize("status", [Status.FAILED, Status.NOT_RUN])
def test_a_proof_that_did_not_pass_ticks_nothing(report: Report, status: Status) -> None:
    proofs = [_proof(box.proof, status) for box in TEXTS.boxes if box.proof is not None]
    assert not _ticked(_draft(_with(report, *proofs), extras=(NIXOS_TEST,)))


def test_the_test_in_machines_ticks_its_box_only_where_the_series_adds_it_to_nixos_tests(report: Report) -> None:
    proven = _with(report, _proof("vm"))
    assert not _ticked(_draft(proven))
    assert _ticked(_draft(proven, extras=(NIXOS_TEST,))) == ["[NixOS tests] in [nixos/tests]."]


def test_every_box_that_is_left_open_says_how_to_tick_it_without_being_seen(report: Report) -> None:
    text = _draft(report)
    for box in TEXTS.boxes:
        assert f"- [ ] {box.text}\n{'  ' * (box.level + 1)}<!-- {box.todo} -->\n" in text
    shown = "".join(token.content for token in _tokens(text) if token.type in {"text", "code_inline"})
    assert "nix-build -A" not in shown
    assert all(f"[{name}]" in text for name in TEXTS.links)


def test_no_paragraph_of_a_draft_is_broken_into_lines(report: Report) -> None:
    # GitHub would show each line on its own.
    extras = {"extras": (NIXOS_TEST,), "trailers": ("Assisted-by: x",)}
    for demotion in Demotion:
        for strategy in Strategy:
            proposal = replace(report.proposal, steps=steps(strategy, demotion))
            text = _draft(replace(report, proposal=proposal), **extras)
            assert not [token for token in _tokens(text) if token.type in {"softbreak", "hardbreak"}]


def test_draft_has_a_title_that_is_no_part_of_the_text(report: Report) -> None:
    assert title(report, TEXTS) == "docker: allow overriding components, look up rootlesskit last"
    text = _draft(report)
    assert _html(text)[0].splitlines()[1] == f"Title: {title(report, TEXTS)}"
    assert text.count(title(report, TEXTS)) == 1


@pytest.mark.parametrize("demotion", Demotion)
def test_title_is_one_that_upstream_takes(report: Report, demotion: Demotion) -> None:
    changed = replace(report, proposal=replace(report.proposal, steps=steps(Strategy.SENTINEL, demotion)))
    assert re.fullmatch(r"docker: [^A-Z].{,63}[^.]", title(changed, TEXTS))


def test_zero_rebuild_claim_has_its_evidence_and_the_commands_for_both_sides(report: Report) -> None:
    section = _section(_draft(report), "Commit 1: what it rebuilds")
    assert "Nothing. With stand-ins for all other packages: 12 derivations | 4 systems." in section
    assert "-A docker -A docker-client -A docker_28 -A docker_29 || exit" in section
    assert f"base=$(drvs {'4' * 12}) && first=$(drvs HEAD~1) &&" in section


def test_commits_are_named_as_they_are_known(report: Report) -> None:
    unknown = replace(report, proposal=replace(report.proposal, source=replace(report.proposal.source, commit=None)))
    assert "base=$(drvs HEAD~2) && first=$(drvs HEAD~1) &&" in _draft(unknown)
    assert "base=$(drvs HEAD~3) && first=$(drvs HEAD~2) &&" in _draft(unknown, extras=(NIXOS_TEST,))
    ids = (Oid("a" * 40), Oid("b" * 40))
    assert f"base=$(drvs {'a' * 12}~1) && first=$(drvs {'a' * 12}) &&" in _draft(unknown, commits=ids)
    assert f"base=$(drvs {'c' * 12}) && first=$(drvs {'a' * 12}) &&" in _draft(report, commits=ids, base=Oid("c" * 40))


def test_without_its_proof_the_zero_rebuild_claim_is_not_made(report: Report) -> None:
    failed = _with(report, _proof(NO_REBUILD, Status.FAILED, reason="docker is rebuilt"))
    text = _draft(failed)
    assert "rebuilds nothing" not in text.replace("a claim", "")
    assert "\nNothing." not in text
    assert f"<!-- {NO_REBUILD} did not pass" in text
    assert f"- **`{NO_REBUILD}` failed**: docker is rebuilt\n" in text


def test_zero_rebuilds_in_the_package_set_are_claimed_where_they_were_seen(report: Report) -> None:
    assert "In the package set" not in _draft(report)
    assert "In the package set: something." in _draft(_with(report, _proof(NO_REBUILD_IN_SET)))


def test_what_the_second_commit_rebuilds_is_listed_from_the_evidence(report: Report) -> None:
    proofs = (
        _proof(EXACT_CHANGE, covers="2 drvPaths changed", evidence=("x86_64-linux docker_29: docker, moby",)),
        _proof(
            REVERSE_DEPENDENCIES,
            covers="x86_64-linux: before → lifted rebuilds 0 of 9; x86_64-linux: lifted → demoted rebuilds 2 of 9",
            evidence=(
                "x86_64-linux, before: 9 evaluated, 0 failed, 0 skipped",
                "x86_64-linux, before → lifted: 0 rebuilt",
                "x86_64-linux, lifted → demoted: 2 rebuilt",
                "  docker",
                "  nixosTests.docker",
            ),
        ),
        _proof(
            EXACT_CHANGE_IN_SET,
            covers="3 drvPaths kept, 2 changed",
            evidence=("x86_64-linux: docker: /nix/store/x-docker.drv", "x86_64-linux: rebuilt: docker, docker.moby"),
        ),
    )
    text = _draft(_with(report, *proofs))
    assert "2. `docker: demote`: rebuilds moby and what contains it\n" in text
    assert "With stand-ins for all other packages: 2 drvPaths changed.\n\n<details>" in text
    assert "```text\nx86_64-linux docker_29: docker, moby\n```" in text
    assert "x86_64-linux: commit 1 rebuilds 0 of 9; x86_64-linux: commit 2 rebuilds 2 of 9." in text
    assert "```text\nx86_64-linux, commit 2: 2 rebuilt\n  docker\n  nixosTests.docker\n```" in text
    assert "In the package set: 3 drvPaths kept, 2 changed." in text
    assert "```text\nx86_64-linux: rebuilt: docker, docker.moby\n```" in text
    assert "--reverse-dependencies" not in text
    assert "lifted" not in text


def test_a_rebuild_list_that_was_not_made_is_replaced_by_the_command(report: Report) -> None:
    text = _draft(_with(report, _proof(REVERSE_DEPENDENCIES, Status.FAILED, evidence=("x, lifted → demoted: 0",))))
    assert "`unlet propose --tier tree --reverse-dependencies` lists it. -->" in text
    assert f"<!-- {EXACT_CHANGE} did not pass" in text
    assert "rebuilds moby and what contains it" not in text


def test_usage_says_of_overrides_what_was_proven(report: Report) -> None:
    assert "docker.override {" in _section(_draft(report), "Usage")
    assert "public configurations" not in _draft(report)
    compatible = _with(report, _proof("compatible", covers="12 of 12 rows"))
    assert "give the derivations that they gave (12 of 12 rows)." in _section(_draft(compatible), "Usage")


def test_each_earlier_attempt_is_credited(report: Report) -> None:
    section = _section(_draft(report), "Earlier attempts")
    for number in (549926, 202437, 192887):
        assert re.search(rf"^- #{number} \w.*[^.]$", section, re.MULTILINE)


def test_tool_is_disclosed_and_trailers_are_named(report: Report) -> None:
    section = _section(_draft(report), "How this was made")
    assert "a deterministic program" in section
    assert "trailers" not in section
    section = _section(_draft(report, trailers=("Assisted-by: a `tool`",)), "How this was made")
    assert "The commits carry these trailers:\n\n- `` Assisted-by: a `tool` ``" in section


def test_suffix_is_defended_and_drop_is_called_a_breakage(report: Report) -> None:
    assert "Why it is not just removed" in _draft(report)
    dropped = replace(report, proposal=replace(report.proposal, steps=steps(Strategy.SENTINEL, Demotion.DROP)))
    assert "**This breaks users" in _draft(dropped)


@pytest.mark.parametrize("strategy", Strategy)
def test_each_strategy_is_explained_and_the_others_are_refused_with_a_reason(
    report: Report, strategy: Strategy
) -> None:
    changed = replace(report, proposal=replace(report.proposal, steps=steps(strategy, Demotion.SUFFIX)))
    section = _section(_draft(changed), "Commit 1: why in this way")
    assert TEXTS.designs[strategy].taken in section
    for name, design in TEXTS.designs.items():
        reason = "**taken**" if name == strategy else design.rejected
        assert f"| {design.what} | {reason} |" in section
    assert "unlet propose --compare" in section


def test_compared_designs_show_their_proofs_side_by_side(report: Report) -> None:
    failed = _proof("capture-safe", Status.FAILED, reason="a | b is taken from <the> set")
    columns = (
        Column(
            name="sentinel", proofs=(_proof("parse"), _proof("format", Status.NOT_RUN)), added=9, removed=2, moved=1
        ),
        Column(name="parameter", proofs=(_proof("parse"), failed), added=3, removed=1, moved=0),
        Column(name="theirs", proofs=(_proof("parse"),), added=1, removed=1, moved=0),
    )
    section = _section(_draft(replace(report, comparison=columns)), "Commit 1: why in this way")
    assert "| 1 passed, 1 not run | +9 -2, 1 of them moved | **taken** |" in section
    assert (
        "| 1 passed, **failed: capture-safe** (a \\| b is taken from &lt;the> set) | +3 -1 | `callPackage`" in section
    )
    assert "| theirs | 1 passed | +1 -1 |  |" in section
    assert "--compare" not in section
    widths = {row.count(" | ") for row in section.splitlines() if row.startswith("| ")}
    assert widths == {3}


def test_extras_and_other_branches_are_shown_where_there_are_any(report: Report) -> None:
    proofs = (_proof("nixos-test"), _proof("vm", Status.NOT_RUN))
    text = _draft(_with(report, *proofs), extras=(NIXOS_TEST,), matrix="| branch | fit |\n|---|---|\n")
    assert "3. `nixosTests.docker: publish ports`, `nixos-test` passed, `vm` not run\n" in text
    assert "## Other branches\n\n| branch | fit |\n|---|---|\n\n## Earlier attempts" in text
    assert "## Other branches" not in _draft(report)


def test_every_proof_is_in_the_table_and_what_did_not_pass_is_in_front(report: Report) -> None:
    section = _section(_draft(report), "What was checked")
    assert "Of 3 proofs 1 passed, 1 failed, 1 not run." in section
    front, _, table = section.partition("<details>")
    assert (
        "- **`builds` failed**: the suffix is empty\n- `nixfmt` was not run, because nixfmt is not installed" in front
    )
    assert "| no-rebuild | nothing is rebuilt | passed | 12 derivations \\| 4 systems |" in table


def test_nothing_of_the_machine_is_in_the_draft(report: Report) -> None:
    source = replace(report.proposal.source, commit=None, origin="/home/me/nixpkgs")
    private = _proof(
        EXACT_CHANGE,
        Status.FAILED,
        reason="cannot read '/home/me/x y', see /srv/me/z: no /dev/kvm",
        commands=("nix-instantiate /home/me/x",),
    )
    seen = _proof(REVERSE_DEPENDENCIES, covers="x in /data/me", evidence=("x → demoted: /home/me/y",))
    changed = replace(report, proposal=replace(report.proposal, source=source), proofs=(private, seen))
    text = _draft(changed)
    assert "/me" not in text
    assert "no /dev/kvm" in text


def test_foreign_text_is_neither_markdown_nor_html(report: Report) -> None:
    evil = "`</details> <img src=x> ![x](http://x) **b** | @user #1 -->\n## H\n- [x] x86_64-linux ```"
    proofs = tuple(
        _proof(name, status, covers=evil, reason=evil, claim=evil, evidence=(evil, f"x → demoted: {evil}", f"  {evil}"))
        for name in (NO_REBUILD, EXACT_CHANGE, REVERSE_DEPENDENCIES, "compatible", evil)
        for status in Status
    )
    columns = (Column(name=evil, proofs=proofs, added=1, removed=1, moved=0),)
    extra = replace(NIXOS_TEST, subject=evil)
    changed = replace(report, proofs=proofs, comparison=columns)
    commits = tuple(replace(commit, subject=evil) for commit in report.proposal.commits)
    changed = replace(changed, proposal=replace(changed.proposal, commits=commits))
    text = _draft(changed, extras=(extra,), trailers=(f"A: {evil}",))
    ours = r"<!--(?:(?!-->).)*-->|<details>\n<summary>[^<]*</summary>|</details>"
    assert [html for html in _html(text) if not re.fullmatch(ours, html, re.DOTALL)] == []
    assert not [token for token in _tokens(text) if token.type == "image"]
    assert not _ticked(text)
    assert text.count("<details>") == len(re.findall(r"^</details>$", text, re.MULTILINE))
    shown = "".join(token.content for token in _tokens(text) if token.type == "text")
    assert "@user" not in shown
    headings = [token for token in _tokens(text) if token.type == "heading_open"]
    assert len(headings) == text.count("\n## ")


def test_an_enormous_report_fits_into_a_pull_request(report: Report) -> None:
    lines = tuple(f"x86_64-linux docker_{number}: {'moby ' * 99}" for number in range(5000))
    names = (NO_REBUILD, EXACT_CHANGE, NO_REBUILD_IN_SET, "tree-exact-change", REVERSE_DEPENDENCIES, "compatible")
    known = tuple(_proof(name, covers="é" * 9999, evidence=("x → demoted: 1", *lines)) for name in names)
    others = tuple(
        _proof(f"proof-{number}", status, covers="c" * 999, claim="d" * 999, reason="r" * 999)
        for number in range(999)
        for status in Status
    )
    columns = tuple(Column(name=name, proofs=others, added=1, removed=1, moved=0) for name in (*Strategy, *"abcdefg"))
    huge = replace(report, proofs=(*known, *others), comparison=columns)
    arguments = {
        "extras": tuple(replace(NIXOS_TEST, subject="s" * 999) for _ in range(999)),
        "matrix": "| x |\n" * 99999,
        "trailers": tuple(f"T-{number}: {'x' * 999}" for number in range(999)),
    }
    releases = [f"docker_{number}" for number in range(9999)]
    content = draft(huge, TEXTS, releases=releases, **arguments)  # type: ignore[arg-type]
    assert len(content) < LIMIT
    assert content == draft(huge, TEXTS, releases=releases, **arguments)  # type: ignore[arg-type]
    text = content.decode()
    assert "more, see report.json" in text
    assert text.count("<details>") == text.count("</details>")
    assert text.count("```") % 2 == 0
    for heading in ("Usage", "What was checked", "Earlier attempts", "Things done"):
        assert f"\n## {heading}\n" in text


def test_a_long_list_is_cut_no_more_than_it_has_to_be(report: Report) -> None:
    lines = tuple(f"x86_64-linux docker_{number}: docker, moby" for number in range(150))
    text = _draft(_with(report, _proof(EXACT_CHANGE, evidence=lines)))
    assert lines[-1] in text
    text = _draft(_with(report, _proof(EXACT_CHANGE, evidence=lines * 2)))
    assert "\n… and 100 more, see report.json\n```" in text


@pytest.mark.parametrize(
    ("before", "after", "fact"),
    [
        ("note =", "nota =", "field 'nota' is unknown; known are note, "),
        ("number = 549926", "number = '549926'", "field 'earlier[0].number' is not an integer"),
        ("[link]", "[link", "not TOML: "),
    ],
)
def test_wrong_field_of_the_texts_is_named(before: str, after: str, fact: str) -> None:
    content = plans.pull_request().decode()
    assert before in content
    with pytest.raises(ToolkitError) as caught:
        pull_request.read(content.replace(before, after, 1).encode())
    assert caught.value.message.startswith(f"pull-request.toml: {fact}")
