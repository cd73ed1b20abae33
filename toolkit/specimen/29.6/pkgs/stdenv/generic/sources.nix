# Sources that nobody has to download: each is a derivation that writes down what it stands for.
{ mkDerivation }:
{
  # With rev and tag both given or both missing, nixpkgs' own throws as well.
  fetchFromGitHub =
    {
      owner,
      repo,
      hash,
      rev ? null,
      tag ? null,
    }:
    if (rev == null) == (tag == null) then
      throw "fetchFromGitHub: ${owner}/${repo}: either rev or tag"
    else
      mkDerivation {
        name = "source";
        standsFor = "${owner}/${repo} ${toString rev}${toString tag} ${hash}";
        installPhase = "standInSources";
      }
      // {
        inherit
          owner
          repo
          rev
          tag
          ;
      };
}
