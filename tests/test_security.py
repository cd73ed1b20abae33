"""Each sentence of docs/security.md has a test that would fail if it were not so."""

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
    "| `find`, `track` of docker": (
        "tests/docker/test_evaluating.py::test_version_of_a_stranger_reaches_nothing",
        HOSTILE,
    ),
    "| proof `builds` | the": (f"{LIMITS}::test_build_that_could_use_the_network_is_refused",),
    "| `find NAME`, `track`, `propose`,": (
        HOSTILE,
        "tests/cli/test_propose.py::test_the_tree_of_a_stranger_is_evaluated_sealed",
        "tests/cli/test_check.py::test_patch_of_a_stranger_is_judged_sealed",
    ),
    "| `find` | nothing: it": ("tests/cli/test_links.py::test_find_does_not_leave_the_tree",),
    "| `reach` | your overlays": (
        "tests/reach/test_reach.py::test_a_strangers_overlay_reads_nothing_else",
        "tests/cli/test_bounds.py::test_reach_names_the_option",
    ),
    "| `propose`, `pr`, `overlay`, `check`": (
        f"{AT_HAND}::test_tree_reads_nothing_outside_of_it",
        HOSTILE,
    ),
    "| `--tier build` | the": ("tests/docker/claims/test_realising.py::test_series_builds",),
    "Sealed, Nix reads only the package's": (f"{LIMITS}::test_nothing_else_is_in_reach",),
    "It fetches nothing, runs no program,": (
        f"{LIMITS}::test_fetchers_reach_no_server",
        f"{LIMITS}::test_native_code_of_the_user_runs_no_shell",
        f"{LIMITS}::test_evaluation_that_takes_too_much_is_ended",
    ),
    "It does not see your `nix.conf`": (
        f"{LIMITS}::test_search_path_of_the_user_reads_no_file",
        f"{LIMITS}::test_environment_is_empty_and_what_is_named_can_be_read",
    ),
    "It cannot read a `.git`.": (f"{LIMITS}::test_git_directory_is_not_in_reach",),
    "`reach --sealed` follows no flake input": (
        "tests/reach/test_reach.py::test_a_strangers_lock_is_not_followed",
        "tests/reach/test_reach.py::test_a_nixpkgs_that_a_strangers_lock_pins_by_content_comes_from_the_store",
    ),
    "Nix runs without URLs, experimental": (
        f"{BUILTINS}::test_door_is_shut",
        f"{BUILTINS}::test_every_builtin_is_judged",
    ),
    "Its PATH and cache are below": (f"{ENVIRONMENT}::test_sealed_nix_has_no_program_and_no_cache",),
    "A test fails for unknown builtins.": (f"{BUILTINS}::test_every_builtin_is_judged",),
    "`--sealed` refuses `--tier build`.": ("tests/cli/test_proving.py::test_options_that_do_not_fit_are_one_line",),
    "`check DIR` never reads a path": (f"{AT_HAND}::test_tree_that_a_report_of_somebody_else_names_is_not_read",),
    "It takes the tree of `--nixpkgs`,": (
        "tests/proposal/test_checking.py::test_the_nixpkgs_of_a_proposal_can_be_named_if_its_file_is_the_same",
        "tests/proposal/test_uses.py::test_the_whole_nixpkgs_that_is_asked_for_is_named",
    ),
    "It evaluates DIR's files sealed.": (HOSTILE,),
    "One module reads all files of": (
        "tests/test_inside.py::test_link_that_leads_out_is_refused",
        "tests/test_inside.py::test_link_to_a_file_of_the_same_tree_is_followed",
        "tests/test_inside.py::test_length_is_bounded_before_anything_is_read",
        "tests/cli/test_links.py::test_proposal_with_a_link_is_one_line",
        "tests/test_inside.py::test_what_is_no_regular_file_is_refused_at_once",
    ),
    "It refuses anything else in one": ("tests/test_inside.py::test_what_is_no_regular_file_is_refused_at_once",),
    "You may name a link, or": (
        "tests/test_files.py::test_pipe_that_nobody_closes_is_given_up",
        "tests/test_files.py::test_what_is_no_file_is_named",
    ),
    "Copies of trees omit links that": (
        "tests/cli/test_links.py::test_links_that_are_left_out_are_in_the_report",
        "tests/cli/test_links.py::test_links_that_are_left_out_are_in_the_judgement",
    ),
    "`check` tries diffs in git's index,": (
        "tests/cli/test_links.py::test_patch_that_makes_the_file_a_link_is_one_line",
        "tests/cli/test_links.py::test_change_with_a_link_is_not_laid_out",
    ),
    "From Linux 5.13 on, Landlock is": (
        f"{LIMITS}::test_second_wall_holds_where_the_first_is_off",
        "tests/test_landlock.py::test_only_what_is_named_can_be_read",
    ),
    "Sealed evaluations and parsers of strangers'": (
        f"{LIMITS}::test_second_wall_holds_where_the_first_is_off",
        "tests/test_landlock.py::test_only_what_is_named_can_be_read",
        "tests/test_landlock.py::test_only_what_is_named_can_be_written",
    ),
    "They start only Nix.": ("tests/test_landlock.py::test_only_what_is_named_can_be_started",),
    "Landlock hides no file's name.": (f"{BUILTINS}::test_door_is_shut",),
    "From version 4 on, it forbids": ("tests/test_landlock.py::test_no_server_can_be_reached",),
    "It does not surround builds, or": (
        f"{LIMITS}::test_wall_stands_around_the_evaluation_and_not_around_the_build",
        "tests/test_landlock.py::test_process_itself_is_not_confined",
    ),
    "`unlet --version --json` names the active": (
        "tests/cli/test_commands.py::test_version_names_the_walls",
        "tests/cli/test_bounds.py::test_evaluation_that_reaches_its_limit_is_unknown",
    ),
    "| one evaluation | 60": (
        f"{LIMITS}::test_evaluation_that_takes_too_much_is_ended",
        f"{LIMITS}::test_memory_beside_the_heap_is_limited_too",
    ),
    "| many attributes together |": (
        "tests/nix/test_bisected.py::test_one_that_takes_all_of_its_time_is_not_asked_again_and_keeps_no_other_from_an_answer",
        "tests/nix/test_bisected.py::test_all_that_take_too_long_together_are_asked_in_halves",
        "tests/nix/test_bisected.py::test_what_takes_all_of_the_memory_is_asked_alone_and_nothing_is_asked_with_it_again",
        "tests/nix/test_bisected.py::test_all_that_take_too_much_memory_together_are_asked_in_parts",
        "tests/judge/test_specimen.py::test_many_questions_together_have_the_memory_of_one_evaluation",
    ),
    "| an attribute in `check`": (
        f"{LIMITS}::test_thing_has_its_time_in_all_evaluations_together",
        f"{LIMITS}::test_time_of_a_thing_does_not_begin_anew_with_its_parts",
        "tests/judge/test_specimen.py::test_only_a_question_begins_the_time_of_an_attribute",
        "tests/judge/test_specimen.py::test_parts_of_an_attribute_have_the_time_of_one_evaluation_together",
        "tests/judge/test_specimen.py::test_what_reaches_its_time_on_one_system_is_not_waited_for_on_the_others",
        "tests/proposal/test_review.py::test_the_judge_and_the_claims_have_the_time_of_an_attribute_together",
    ),
    "| a package in `propose`": (
        "tests/proposal/test_propose.py::test_a_package_that_has_used_its_time_is_tried_by_no_other_design",
        "tests/proposal/test_lifted.py::test_one_that_takes_nix_too_long_is_asked_nothing_more_and_keeps_no_other_from_an_answer",
    ),
    "| a change | 1,200": (
        "tests/judge/test_specimen.py::test_change_that_names_more_than_is_asked_about_is_bounded",
        "tests/judge/test_specimen.py::test_attributes_that_end_nix_have_one_time_together",
    ),
    "| the stand-in tree |": (
        f"{LIMITS}::test_evaluations_that_have_a_common_time_end_with_it",
        f"{LIMITS}::test_evaluations_that_have_a_common_time_share_the_memory",
    ),
    "| `find NAME` | the": (
        "tests/track/test_memory.py::test_many_slow_versions_end_with_the_time_that_all_have",
        "tests/proposal/test_inspection.py::test_package_that_takes_nix_too_long_ends_in_time",
    ),
    "| `track` | 50 s": (
        "tests/track/test_package.py::test_versions_that_take_nix_too_long_are_not_asked_about_for_ever",
        "tests/track/test_memory.py::test_many_slow_versions_end_with_the_time_that_all_have",
        "tests/track/test_memory.py::test_versions_that_take_the_parser_long_end_with_the_time_that_all_have",
    ),
    "| `find` | 50 s": ("tests/lift/test_survey.py::test_files_that_keep_the_parser_for_long_have_one_time_together",),
    "| unlet's parser, one file": (
        "tests/test_confined.py::test_content_that_is_too_much_keeps_no_other_from_being_read",
    ),
    "| an answer of a": (
        "tests/forge/test_client.py::test_silence_ends_with_the_time_out",
        "tests/forge/test_client.py::test_header_that_trickles_ends_with_the_time_out",
        "tests/sources/test_remote.py::test_release_that_answers_without_an_end_is_bounded",
    ),
    "`--timeout` and `--max-memory` change these limits.": (
        "tests/cli/test_bounds.py::test_every_command_about_a_package_names_the_option",
        "tests/cli/test_bounds.py::test_find_names_the_option_if_files_are_not_reached",
        "tests/cli/test_bounds.py::test_reach_names_the_option",
        "tests/cli/test_bounds.py::test_evaluation_that_reaches_its_limit_is_unknown",
        "tests/cli/test_bounds.py::test_memory_of_the_stand_in_tree_is_named",
        "tests/cli/test_bounds.py::test_file_of_docker_that_needs_more_memory_is_unknown_with_the_option",
    ),
    "Beyond a limit, a result is": (
        "tests/cli/test_bounds.py::test_limit_of_a_command_without_an_option_for_it_names_none",
        "tests/cli/test_bounds.py::test_one_attribute_that_needs_more_is_unknown_and_the_others_are_judged",
        "tests/cli/test_bounds.py::test_claims_of_a_package_that_needs_more_are_unknown",
        f"{PACKAGE_SET}::test_release_that_needs_more_than_it_may_have_is_unknown_and_the_others_are_judged",
        "tests/track/test_repository.py::test_damaged_commit_keeps_no_other_ref_from_an_answer",
        "tests/track/test_repository.py::test_ref_whose_file_names_a_path_that_is_too_long_keeps_no_other_from_an_answer",
    ),
    "A signal ends a command within": (
        "tests/cli/test_signals.py::test_signal_is_heeded_while_nix_evaluates",
        "tests/cli/test_signals.py::test_signal_is_heeded_while_nix_parses",
        "tests/cli/test_signals.py::test_signal_is_heeded_while_a_pipe_is_read",
    ),
    "Except with `--tier build`, Nix builds": (
        f"{LIMITS}::test_floating_output_is_sandboxed_like_any_other",
        f"{LIMITS}::test_build_without_the_network_is_made",
    ),
    "It refuses fixed-output and impure derivations.": (
        f"{LIMITS}::test_build_that_could_use_the_network_is_refused",
        f"{LIMITS}::test_impure_build_is_refused",
    ),
    "`--tier build` builds with your settings.": (
        "tests/docker/claims/test_realising.py::test_words_for_nix_build_reach_it",
    ),
    "Programs get only the variables that": (f"{ENVIRONMENT}::test_purpose_has_its_names_alone",),
    "PATH has no relative entries.": (f"{ENVIRONMENT}::test_path_has_no_entry_that_depends_on_the_directory",),
    "git runs without your hooks.": (
        "tests/git/test_fetching.py::test_only_network_calls_see_the_users_configuration",
        "tests/git/test_worktrees.py::test_filters_of_the_clone_run_and_its_other_programs_do_not",
    ),
    "`unlet` only reads clones; git runs": (
        f"{PROGRAM}::test_reading_runs_no_program_of_the_clone",
        f"{PROGRAM}::test_comparing_with_the_worktree_runs_no_program_of_the_clone",
    ),
    "It does not look into submodules.": (f"{PROGRAM}::test_comparing_with_the_worktree_runs_no_program_of_the_clone",),
    "It refuses a `.git` with links": (
        f"{PROGRAM}::test_line_of_a_file_that_a_link_of_git_leads_to_is_not_quoted",
        "tests/git/test_clone.py::test_git_directory_elsewhere_is_that_of_a_worktree_or_is_refused",
        "tests/git/test_clone.py::test_worktree_that_is_elsewhere_is_refused",
        f"{PROGRAM}::test_files_elsewhere_are_not_compared",
    ),
    "It prints only git's own phrases,": (
        f"{PROGRAM}::test_of_git_its_own_phrases_are_shown",
        f"{PROGRAM}::test_value_of_a_file_that_a_configuration_includes_is_not_quoted",
        f"{PROGRAM}::test_command_that_says_nothing_known_is_named",
    ),
    "The cache never writes into your": (
        "tests/judge/test_ground.py::test_users_files_are_as_before_though_the_cache_has_hard_links_to_them",
    ),
    "`pr` adds a branch, a worktree": (
        "tests/git/test_worktrees.py::test_branch_comes_moves_and_goes_and_nothing_else_changes",
    ),
    "Git then runs your filters and": (
        "tests/git/test_worktrees.py::test_filters_of_the_clone_run_and_its_other_programs_do_not",
    ),
    "Only `track` and `check --pull` use": ("tests/cli/test_track.py::test_clone_needs_no_network_library",),
    "Your token comes from the environment,": (
        "tests/forge/test_token.py::test_command_comes_before_the_environment_and_that_before_gh",
        "tests/cli/test_track.py::test_token_is_in_nothing_that_is_printed_or_written",
    ),
    "Without one, GitHub's limits apply.": (
        "tests/forge/test_client.py::test_after_a_rate_limit_nothing_more_is_sent",
    ),
    "git fetches a source if you": (
        "tests/sources/test_remote.py::test_the_default_is_the_default_pin",
        "tests/sources/test_remote.py::test_offline_refuses_what_was_not_fetched",
    ),
    "Python packages are wheels with locked": ("tests/test_security.py::test_python_packages_have_hashes",),
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
