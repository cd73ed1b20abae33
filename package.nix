# unlet in the form of nixpkgs: as pkgs/by-name/un/unlet/package.nix, once its release has an address. The flake uses it too.
{
  lib,
  python3Packages,
  fetchFromGitHub,
  git,
  nix,
  versionCheckHook,
}:

python3Packages.buildPythonApplication (finalAttrs: {
  pname = "unlet";
  version = "0.1.0";
  pyproject = true;

  __structuredAttrs = true;

  src = fetchFromGitHub {
    owner = "OWNER";
    repo = "unlet";
    tag = "v${finalAttrs.version}";
    hash = lib.fakeHash;
  };

  build-system = [ python3Packages.hatchling ];

  dependencies = with python3Packages; [
    ast-grep-py
    click
    gitpython
    jinja2
    msgspec
    packaging
    platformdirs
    requests
    rich
    unidiff
  ];

  # At the end, so that the git and Nix of the user's system are preferred.
  makeWrapperArgs = [
    "--suffix"
    "PATH"
    ":"
    (lib.makeBinPath [
      git
      nix
    ])
  ];

  # The tests need a Nix store of their own.
  nativeCheckInputs = [ versionCheckHook ];

  pythonImportsCheck = [ "toolkit" ];

  meta = {
    description = "Find out why overrides of nixpkgs have no effect, and make packages overridable";
    homepage = "https://github.com/OWNER/unlet";
    changelog = "https://github.com/OWNER/unlet/blob/v${finalAttrs.version}/CHANGELOG.md";
    license = lib.licenses.mit;
    maintainers = [ ];
    mainProgram = "unlet";
    platforms = lib.platforms.linux ++ lib.platforms.darwin;
  };
})
