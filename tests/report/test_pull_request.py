import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec.structs import replace

from toolkit import patches
from toolkit.docker.steps import DESIGNS, Demotion, Plan, plan, steps
from toolkit.errors import ToolkitError
from toolkit.lift.plan import Design
from toolkit.model import Oid, Proof, Report, Status, TreeCommit
from toolkit.report.pull_request import DraftFacts, background, draft, read, title

TEXTS = plan()
TEMPLATE = (
    b"<!-- why -->\n\n## Done\n\n- [ ] x86_64-linux\n  - [ ] [NixOS tests] in "
    b"there.\n- [ ] Else.\n\n---\n\nThanks :+1:"
)
MODULE = TreeCommit(
    subject="nixos/docker-rootless: publish ports",
    body="",
    why="They are refused.",
    files=(),
)


def _with(report: Report, *proofs: Proof) -> Report:
    return replace(report, proofs=proofs)


def _proof(
    name: str, status: Status = Status.PASSED, **fields: str | tuple[str, ...]
) -> Proof:
    proof = Proof(name=name, claim="a claim", status=status, covers="something")
    return replace(proof, **fields)


def _facts(report: Report, **fields: object) -> DraftFacts:
    return replace(DraftFacts(report=report, texts=TEXTS, template=TEMPLATE), **fields)


def _draft(report: Report, **fields: object) -> str:
    return draft(_facts(report, **fields)).decode()


def _designed(
    report: Report, strategy: Design | None, demotion: Demotion | None
) -> Report:
    chosen = steps(strategy, demotion)
    commits = report.proposal.commits[: len(chosen)]
    return replace(
        report, proposal=replace(report.proposal, steps=chosen, commits=commits)
    )


def _background(report: Report, **fields: object) -> str:
    return "\n\n".join(background(_facts(report, **fields)))


def _words(text: str) -> int:
    """Count as `wc -w` does what is in front of the template."""
    return len(text.removesuffix(TEMPLATE.decode()).split())


def _tokens(text: str) -> list[Token]:
    """Return the tokens of GitHub's Markdown, inline ones included."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return [token for block in tokens for token in (block, *(block.children or ()))]


@pytest.mark.parametrize("demotion", Demotion)
@pytest.mark.parametrize("strategy", DESIGNS)
def test_no_paragraph_is_broken_into_lines(
    report: Report, strategy: Design, demotion: Demotion
) -> None:
    # GitHub would show each line on its own.
    text = _draft(_designed(report, strategy, demotion), added=MODULE, template=b"")
    assert not [
        token for token in _tokens(text) if token.type in {"softbreak", "hardbreak"}
    ]


def test_title_is_one_that_upstream_takes(report: Report) -> None:
    for demotion in Demotion:
        said = title(_facts(_designed(report, Design.HIDDEN, demotion)))
        assert re.fullmatch(r"docker: [^A-Z].{,63}[^.]", said)
    alone = _designed(report, Design.HIDDEN, None)
    assert title(_facts(alone)) == alone.proposal.commits[0].subject


@pytest.mark.parametrize(
    ("before", "after", "fact"),
    [
        ("disclosure =", "disclosed =", "object contains unknown field `disclosed`"),
        (
            "number = 549926",
            "number = '549926'",
            "expected `int`, got `str` - at `$.related[0].number`",
        ),
        (
            'step = "lift"\nabout',
            'steps = "lift"\nabout',
            "object contains unknown field `steps` - at `$.related[0]`",
        ),
        ("[module]", "[module", "not TOML: "),
    ],
)
def test_wrong_field_of_the_texts_is_named(
    tmp_path: Path, before: str, after: str, fact: str
) -> None:
    content = (patches.shipped() / "docker.toml").read_text()
    assert before in content
    path = tmp_path / "x.toml"
    path.write_text(content.replace(before, after, 1))
    with pytest.raises(ToolkitError) as caught:
        read(path, Plan)
    assert caught.value.message.startswith(f"{path}: {fact}")


def test_names_are_filled_in(tmp_path: Path) -> None:
    content = (
        (patches.shipped() / "docker.toml")
        .read_text()
        .replace('["docker", ', '["{package}", ')
    )
    path = tmp_path / "x.toml"
    path.write_text(content)
    texts = read(path, Plan, names={"package": "forgejo"})
    assert texts.compared == ("forgejo", "docker-client")


def test_template_ends_the_draft_byte_for_byte_and_a_missing_one_is_asked_for_unseen(
    report: Report,
) -> None:
    assert draft(_facts(report)).endswith(b" -->\n\n" + TEMPLATE)
    assert draft(_facts(report, template=b"\xff\r\n")).endswith(b" -->\n\n\xff\r\n")
    assert _draft(report, template=b"").endswith("below this line. -->\n")


@pytest.mark.parametrize(
    ("strategy", "demotion"),
    [
        *((design, None) for design in DESIGNS),
        *((None, demotion) for demotion in Demotion),
    ],
)
def test_text_of_a_pull_request_for_docker_has_at_most_150_words(
    report: Report, strategy: Design | None, demotion: Demotion | None
) -> None:
    ids, base = (Oid("a" * 40),), Oid("c" * 40)
    assert (
        50
        < _words(_draft(_designed(report, strategy, demotion), commits=ids, base=base))
        <= 150
    )


@pytest.mark.parametrize("demotion", Demotion)
@pytest.mark.parametrize("strategy", DESIGNS)
def test_text_of_both_steps_has_at_most_150_words_too(
    report: Report, strategy: Design, demotion: Demotion
) -> None:
    ids, base = (Oid("a" * 40), Oid("b" * 40)), Oid("c" * 40)
    both = _designed(report, strategy, demotion)
    commits = [
        replace(commit, subject=TEXTS.step(step).subject)
        for commit, step in zip(both.proposal.commits, both.proposal.steps, strict=True)
    ]
    named = replace(both, proposal=replace(both.proposal, commits=tuple(commits)))
    assert 100 < _words(_draft(named, commits=ids, base=base)) <= 150


def test_a_series_of_one_step_says_and_links_nothing_of_the_other(
    report: Report,
) -> None:
    text = _draft(_designed(report, Design.MOVE, None))
    assert "rootlesskit" not in text
    assert "commit 1" not in text
    assert "1. " not in text
    assert "Related: #549926 " in _draft(report)
    assert "#549926" not in _draft(_designed(report, None, Demotion.SUFFIX))


def test_zero_rebuild_claim_has_the_command_for_both_sides_as_they_are_known(
    report: Report,
) -> None:
    command = "`nix-instantiate -A docker -A docker-client` prints the same on "
    assert f"No rebuilds in commit 1: {command}{'4' * 12} and HEAD~1." in _draft(report)
    ids, base = (Oid("a" * 40), Oid("b" * 40)), Oid("c" * 40)
    alone = _designed(report, Design.MOVE, None)
    assert f"No rebuilds: {command}{'c' * 12} and {'a' * 12}." in _draft(
        alone, commits=ids, base=base
    )
    unknown = replace(
        report,
        proposal=replace(
            report.proposal, source=replace(report.proposal.source, commit=None)
        ),
    )
    assert "prints the same on HEAD~2 and HEAD~1." in _draft(unknown)
    assert "prints the same on HEAD~3 and HEAD~2." in _draft(unknown, added=MODULE)
    ids = (Oid("a" * 40), Oid("b" * 40))
    assert f"prints the same on {'a' * 12}~1 and {'a' * 12}." in _draft(
        unknown, commits=ids
    )


@pytest.mark.parametrize("status", [Status.FAILED, Status.NOT_RUN])
def test_without_its_proof_no_claim_is_made(report: Report, status: Status) -> None:
    unproven = _with(report, _proof("no-rebuild", status, reason="docker is rebuilt"))
    assert "rebuild" not in _draft(unproven)


def test_commit_of_other_files_says_what_it_is_for(report: Report) -> None:
    assert f"3. `{MODULE.subject}`: {MODULE.why}" in _draft(report, added=MODULE)
    alone = replace(report, proposal=replace(report.proposal, steps=(), commits=()))
    assert _draft(alone, added=MODULE).startswith(MODULE.why)
    assert title(_facts(alone, added=MODULE)) == MODULE.subject


def test_suffix_has_its_price_and_drop_is_called_a_breakage(report: Report) -> None:
    assert "now takes precedence over docker's own" in _draft(report)
    assert "breaks users" in _draft(_designed(report, Design.HIDDEN, Demotion.DROP))


def test_tool_is_disclosed_and_the_person_is_asked_what_they_did(
    report: Report,
) -> None:
    text = _draft(report)
    assert "without a language model; models helped write the program." in text
    assert "has reviewed" not in text
    assert "Reviewed and tested by hand: <!-- what? -->" in text


def test_the_reason_of_each_step_is_in_the_background(report: Report) -> None:
    whole = _background(report)
    assert whole.startswith("## Why\n\n")
    assert [
        step.name for step in report.proposal.steps if TEXTS.step(step).why in whole
    ] == ["lift", "demote"]
    assert "## Why" not in _background(_designed(report, None, None))


def test_foreign_subjects_are_neither_markdown_nor_html(report: Report) -> None:
    evil = (
        "`</details> <img src=x> ![x](http://x) **b** | @user #1 -->\n## H\n- [x] "
        "x86_64-linux ```"
    )
    commits = tuple(replace(commit, subject=evil) for commit in report.proposal.commits)
    changed = replace(report, proposal=replace(report.proposal, commits=commits))
    text = _draft(changed, added=replace(MODULE, subject=evil), template=b"")
    html = [
        token.content.strip()
        for token in _tokens(text)
        if token.type in {"html_block", "html_inline"}
    ]
    assert [
        each
        for each in html
        if not re.fullmatch(r"<!--(?:(?!-->).)*-->", each, re.DOTALL)
    ] == []
    assert not [
        token for token in _tokens(text) if token.type in {"image", "heading_open"}
    ]
    assert "@user" not in "".join(
        token.content for token in _tokens(text) if token.type == "text"
    )
