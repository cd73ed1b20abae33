"""Each sentence of docs/security.md has a test that would fail if it were not so."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]

LIMITS = "tests/nix/test_limits.py"
BUILTINS = "tests/nix/test_builtins.py"
ENVIRONMENT = "tests/test_environment.py"
AT_HAND = "tests/docker/test_at_hand.py"
PACKAGE_SET = "tests/docker/claims/test_package_set.py"
PROGRAM = "tests/git/test_calls.py"
HOSTILE = "tests/hostile/test_hostile.py::test_attack_gets_nothing_and_ends"

SENTENCES: dict[str, tuple[str, ...]] = {
    "| `find`, `track` of docker |": (
        "tests/docker/test_evaluating.py::test_version_of_a_stranger_reaches_nothing",
        HOSTILE,
    ),
    "| the proof `builds` |": (f"{LIMITS}::test_build_that_could_use_the_network_is_refused",),
    "| `find NAME`, `track PACKAGE`,": (
        HOSTILE,
        "tests/cli/test_propose.py::test_the_tree_of_a_stranger_is_evaluated_sealed",
        "tests/cli/test_check.py::test_patch_of_a_stranger_is_judged_sealed",
    ),
    "| `find` without a NAME |": ("tests/cli/test_links.py::test_find_does_not_leave_the_tree",),
    "| `reach` |": (
        "tests/reach/test_reach.py::test_a_strangers_overlay_reads_nothing_else",
        "tests/cli/test_bounds.py::test_reach_names_the_option",
    ),
    "| `propose`, `pr`, `overlay`, `check`,": (f"{AT_HAND}::test_tree_reads_nothing_outside_of_it", HOSTILE),
    "| the same, `--tier build`": (
        "tests/docker/claims/test_realising.py::test_series_and_overlay_are_one_derivation_that_builds",
    ),
    "Sealed, Nix reads the package's file": (f"{LIMITS}::test_nothing_else_is_in_reach",),
    "It fetches nothing, runs no program": (
        f"{LIMITS}::test_fetchers_reach_no_server",
        f"{LIMITS}::test_native_code_of_the_user_runs_no_shell",
        f"{LIMITS}::test_evaluation_that_takes_too_much_is_ended",
    ),
    "No setting of yours changes that": (
        f"{LIMITS}::test_search_path_of_the_user_reads_no_file",
        f"{LIMITS}::test_environment_is_empty_and_what_is_named_can_be_read",
    ),
    "A `.git` is not in its reach": (f"{LIMITS}::test_git_directory_is_not_in_reach",),
    "`reach --sealed` of a flake takes": (
        "tests/reach/test_reach.py::test_a_strangers_lock_is_not_followed",
        "tests/reach/test_reach.py::test_a_nixpkgs_that_a_strangers_lock_pins_by_content_comes_from_the_store",
    ),
    "Four things keep a sealed Nix": (f"{BUILTINS}::test_door_is_shut",),
    "Restricted evaluation and the empty": (f"{BUILTINS}::test_door_is_shut",),
    "Without experimental features": (f"{BUILTINS}::test_every_builtin_is_judged",),
    "PATH is `/dev/null`": (f"{ENVIRONMENT}::test_sealed_nix_has_no_program_and_no_cache",),
    "The directory of Nix's caches": (f"{ENVIRONMENT}::test_sealed_nix_has_no_program_and_no_cache",),
    "A builtin that a newer Nix adds": (f"{BUILTINS}::test_every_builtin_is_judged",),
    "Files of strangers are opened": (
        "tests/test_inside.py::test_link_that_leads_out_is_refused",
        "tests/test_inside.py::test_what_is_no_regular_file_is_refused_at_once",
        "tests/test_inside.py::test_length_is_bounded_before_anything_is_read",
    ),
    "Where the kernel has Landlock": ("tests/test_landlock.py::test_only_what_is_named_can_be_read",),
    "`--sealed` refuses": ("tests/cli/test_proving.py::test_options_that_do_not_fit_are_one_line",),
    "Those of docker's proofs": (f"{AT_HAND}::test_patch_of_somebody_else_is_evaluated_without_the_set",),
    "`check DIR` never reads a path": (f"{AT_HAND}::test_tree_that_a_report_of_somebody_else_names_is_not_read",),
    "The tree is the one that": (
        "tests/proposal/test_checking.py::test_the_nixpkgs_of_a_proposal_can_be_named_if_its_file_is_the_same",
        "tests/proposal/test_uses.py::test_what_needs_the_nixpkgs_is_not_run_and_says_where_to_get_it",
    ),
    "What DIR contains is evaluated sealed": (HOSTILE,),
    "What stands below a tree": (
        "tests/test_inside.py::test_link_that_leads_out_is_refused",
        "tests/test_inside.py::test_link_to_a_file_of_the_same_tree_is_followed",
        "tests/test_inside.py::test_length_is_bounded_before_anything_is_read",
        "tests/cli/test_links.py::test_proposal_with_a_link_is_one_line",
    ),
    "Any other link, a FIFO": ("tests/test_inside.py::test_what_is_no_regular_file_is_refused_at_once",),
    "What you name on the command line": (
        "tests/test_files.py::test_pipe_that_nobody_closes_is_given_up",
        "tests/test_files.py::test_what_is_no_file_is_named",
    ),
    "From a whole tree that is copied": (
        "tests/cli/test_links.py::test_links_that_are_left_out_are_in_the_report",
        "tests/cli/test_links.py::test_links_that_are_left_out_are_in_the_judgement",
    ),
    "A diff is tried in git's index": ("tests/cli/test_links.py::test_patch_that_makes_the_file_a_link_is_one_line",),
    "No change is judged that makes a link": ("tests/cli/test_links.py::test_change_with_a_link_is_not_laid_out",),
    "Linux has a second wall": (f"{LIMITS}::test_second_wall_holds_where_the_first_is_off",),
    "Around each sealed evaluation": (
        f"{LIMITS}::test_second_wall_holds_where_the_first_is_off",
        "tests/test_landlock.py::test_only_what_is_named_can_be_read",
        "tests/test_landlock.py::test_only_what_is_named_can_be_written",
    ),
    "It permits to start no other program": ("tests/test_landlock.py::test_only_what_is_named_can_be_started",),
    "Landlock hides no file's name": (f"{BUILTINS}::test_door_is_shut",),
    "From its version 4 on": ("tests/test_landlock.py::test_no_server_can_be_reached",),
    "It does not stand around a build": (
        f"{LIMITS}::test_wall_stands_around_the_evaluation_and_not_around_the_build",
        "tests/test_landlock.py::test_process_itself_is_not_confined",
    ),
    "`unlet --version --json` and": (
        "tests/cli/test_commands.py::test_version_names_the_walls",
        "tests/cli/test_bounds.py::test_isolated_tier_that_reaches_its_limit_is_unknown",
    ),
    "An evaluation takes 60 seconds": (
        f"{LIMITS}::test_evaluation_that_takes_too_much_is_ended",
        f"{LIMITS}::test_memory_beside_the_heap_is_limited_too",
    ),
    "Of a whole tree one evaluation": (
        "tests/nix/test_bisected.py::test_one_that_takes_all_of_its_time_is_not_asked_again_and_keeps_no_other_from_an_answer",
        "tests/nix/test_bisected.py::test_all_that_take_too_long_together_are_asked_in_halves",
    ),
    "An attribute has 60 on a system": (
        f"{LIMITS}::test_thing_has_its_time_in_all_evaluations_together",
        f"{LIMITS}::test_time_of_a_thing_does_not_begin_anew_with_its_parts",
        "tests/judge/test_specimen.py::test_only_a_question_begins_the_time_of_an_attribute",
        "tests/judge/test_specimen.py::test_parts_of_an_attribute_have_the_time_of_one_evaluation_together",
        "tests/judge/test_specimen.py::test_what_reaches_its_time_on_one_system_is_not_waited_for_on_the_others",
        "tests/proposal/test_review.py::test_the_judge_and_the_claims_have_the_time_of_an_attribute_together",
    ),
    "`propose` gives a package as many": (
        "tests/proposal/test_propose.py::test_a_package_that_has_used_its_time_is_tried_by_no_other_design",
        "tests/prove/test_lifted.py::test_one_that_takes_nix_too_long_is_asked_nothing_more_and_keeps_no_other_from_an_answer",
    ),
    "Of a change 1,200 attributes": (
        "tests/judge/test_specimen.py::test_change_that_names_more_than_is_asked_about_is_bounded",
        "tests/judge/test_specimen.py::test_attributes_that_end_nix_have_one_time_together",
    ),
    "If the 2 GiB are not enough": (
        "tests/nix/test_bisected.py::test_what_takes_all_of_the_memory_is_asked_alone_and_nothing_is_asked_with_it_again",
        "tests/nix/test_bisected.py::test_all_that_take_too_much_memory_together_are_asked_in_parts",
        "tests/judge/test_specimen.py::test_many_questions_together_have_the_memory_of_one_evaluation",
    ),
    "The evaluations of the tier": (
        f"{LIMITS}::test_evaluations_that_have_a_common_time_end_with_it",
        f"{LIMITS}::test_evaluations_that_have_a_common_time_share_the_memory",
    ),
    "So have those of `find NAME`": (
        "tests/track/test_memory.py::test_many_slow_versions_end_with_the_time_that_all_have",
        "tests/proposal/test_inspection.py::test_package_that_takes_nix_too_long_ends_in_time",
    ),
    "`track` has 50 seconds for all": (
        "tests/track/test_package.py::test_versions_that_take_nix_too_long_are_not_asked_about_for_ever",
        "tests/track/test_memory.py::test_many_slow_versions_end_with_the_time_that_all_have",
        "tests/track/test_memory.py::test_versions_that_take_the_parser_long_end_with_the_time_that_all_have",
    ),
    "Each process of `find` has": (
        "tests/lift/test_survey.py::test_files_that_keep_the_parser_for_long_have_one_time_together",
    ),
    "A content takes our parser": (
        "tests/test_confined.py::test_content_that_is_too_much_keeps_no_other_from_being_read",
    ),
    "An answer of a server has": (
        "tests/forge/test_client.py::test_silence_ends_with_the_time_out",
        "tests/forge/test_client.py::test_header_that_trickles_ends_with_the_time_out",
        "tests/sources/test_remote.py::test_release_that_answers_without_an_end_is_bounded",
    ),
    "`--timeout` and `--max-memory` of": (
        "tests/cli/test_bounds.py::test_every_command_about_a_package_names_the_option",
        "tests/cli/test_bounds.py::test_find_names_the_option_if_files_are_not_reached",
        "tests/cli/test_bounds.py::test_reach_names_the_option",
        "tests/cli/test_bounds.py::test_isolated_tier_that_reaches_its_limit_is_unknown",
        "tests/cli/test_bounds.py::test_memory_of_the_isolated_tier_is_named",
    ),
    "`--max-memory` of `track` does": (
        "tests/cli/test_bounds.py::test_file_of_docker_that_needs_more_memory_is_unknown_with_the_option",
    ),
    "What ends at a limit that an option raises": (
        "tests/cli/test_bounds.py::test_limit_of_a_command_without_an_option_for_it_names_none",
        "tests/cli/test_bounds.py::test_one_attribute_that_needs_more_is_unknown_and_the_others_are_judged",
        "tests/cli/test_bounds.py::test_claims_of_a_package_that_needs_more_are_unknown",
        f"{PACKAGE_SET}::test_release_that_needs_more_than_it_may_have_is_unknown_and_the_others_are_judged",
        "tests/track/test_repository.py::test_damaged_commit_keeps_no_other_ref_from_an_answer",
        "tests/track/test_repository.py::test_ref_whose_file_names_a_path_that_is_too_long_keeps_no_other_from_an_answer",
    ),
    "A signal ends a command": (
        "tests/cli/test_signals.py::test_signal_is_heeded_while_nix_evaluates",
        "tests/cli/test_signals.py::test_signal_is_heeded_while_nix_parses",
        "tests/cli/test_signals.py::test_signal_is_heeded_while_a_pipe_is_read",
    ),
    "A build of the tiers": (
        f"{LIMITS}::test_floating_output_is_sandboxed_like_any_other",
        f"{LIMITS}::test_build_without_the_network_is_made",
    ),
    "A derivation is refused if": (
        f"{LIMITS}::test_build_that_could_use_the_network_is_refused",
        f"{LIMITS}::test_impure_build_is_refused",
    ),
    "`--tier build` builds as": ("tests/docker/claims/test_realising.py::test_words_for_nix_build_reach_it",),
    "A program gets those of your variables": (f"{ENVIRONMENT}::test_purpose_has_its_names_alone",),
    "PATH has no relative entries": (f"{ENVIRONMENT}::test_path_has_no_entry_that_depends_on_the_directory",),
    "git runs without your hooks": (
        "tests/git/test_fetching.py::test_only_network_calls_see_the_users_configuration",
        "tests/git/test_worktrees.py::test_filters_of_the_clone_run_and_its_other_programs_do_not",
    ),
    "A clone's `.git` may be": (
        "tests/git/test_clone.py::test_git_directory_elsewhere_is_that_of_a_worktree_or_is_refused",
    ),
    "A clone whose `core.worktree`": (
        "tests/git/test_clone.py::test_worktree_that_is_elsewhere_is_refused",
        f"{PROGRAM}::test_files_elsewhere_are_not_compared",
    ),
    "The cache has hard links": (
        "tests/judge/test_ground.py::test_users_files_are_as_before_though_the_cache_has_hard_links_to_them",
    ),
    "It replaces names": (
        "tests/judge/test_ground.py::test_users_files_are_as_before_though_the_cache_has_hard_links_to_them",
    ),
    "Clones are only read": (
        f"{PROGRAM}::test_reading_runs_no_program_of_the_clone",
        f"{PROGRAM}::test_comparing_with_the_worktree_runs_no_program_of_the_clone",
    ),
    "Submodules are not looked into": (f"{PROGRAM}::test_comparing_with_the_worktree_runs_no_program_of_the_clone",),
    "Apart from the configuration, what git reads": (
        f"{PROGRAM}::test_line_of_a_file_that_a_link_of_git_leads_to_is_not_quoted",
    ),
    "What git says about a clone": (
        f"{PROGRAM}::test_of_git_its_own_phrases_are_shown",
        f"{PROGRAM}::test_value_of_a_file_that_a_configuration_includes_is_not_quoted",
        f"{PROGRAM}::test_command_that_says_nothing_known_is_named",
    ),
    "`pr` adds a branch": ("tests/git/test_worktrees.py::test_branch_comes_moves_and_goes_and_nothing_else_changes",),
    "Git then runs your program for signatures": (
        "tests/git/test_worktrees.py::test_filters_of_the_clone_run_and_its_other_programs_do_not",
    ),
    "Only `track` and `check --pull` use": ("tests/cli/test_track.py::test_clone_needs_no_network_library",),
    "A token comes from": (
        "tests/forge/test_token.py::test_command_comes_before_the_environment_and_that_before_gh",
        "tests/cli/test_track.py::test_token_is_in_nothing_that_is_printed_or_written",
    ),
    "Without one, GitHub's limits": ("tests/forge/test_client.py::test_after_a_rate_limit_nothing_more_is_sent",),
    "git fetches a source over the network": ("tests/sources/test_remote.py::test_the_default_is_the_default_pin",),
    "`--offline` prevents it": ("tests/sources/test_remote.py::test_offline_refuses_what_was_not_fetched",),
    "Python packages are installed": ("tests/test_security.py::test_python_packages_have_hashes",),
}


def sentences() -> list[str]:
    """Return the sentences, list items and rows of the document that say something."""
    text = (ROOT / "docs/security.md").read_text()
    blocks = re.split(r"\n\n|\n(?=- |\|)", text.partition("## What Nix evaluates")[2].partition("\n")[2])
    plain = [" ".join(block.split()).removeprefix("- ") for block in blocks]
    wanted = [block for block in plain if block and not block.startswith(("#", "| command", "|---"))]
    return [
        part for block in wanted for part in ([block] if block[0] == "|" else re.split(r"(?<=\.) (?=[A-Z`])", block))
    ]


def test_each_sentence_has_a_test_and_each_test_is_there() -> None:
    said = sentences()
    assert [sentence for sentence in said if not sentence.startswith(tuple(SENTENCES))] == []
    assert [begin for begin in SENTENCES if not any(sentence.startswith(begin) for sentence in said)] == []
    for tests in SENTENCES.values():
        for file, _, name in (test.partition("::") for test in tests):
            assert re.search(rf"def {name}\(", (ROOT / file).read_text()), (file, name)


def test_python_packages_have_hashes() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        requirements = re.findall(r"^[\w.-]+==(?:.*\\\n)*.*", (ROOT / name).read_text(), re.MULTILINE)
        assert requirements
        assert all("--hash=sha256:" in each for each in requirements), name
    assert "--require-hashes" in (ROOT / "setup.sh").read_text()
    assert "--only-binary" in (ROOT / "setup.sh").read_text()
