# Sources that nobody has to download: each is a derivation that writes down what it stands for.
{ mkDerivation }:
{
  # With rev and tag both given or both missing, nixpkgs' own throws as well.
  fetchFromGitHub =
    {
      owner,
      repo,
      rev ? null,
      tag ? null,
      ...
    }@given:
    if (rev == null) == (tag == null) then
      throw "fetchFromGitHub: ${owner}/${repo}: either rev or tag"
    else
      mkDerivation {
        name = given.name or "source";
        standsFor = "${owner}/${repo} ${toString rev}${toString tag} ${given.hash or given.sha256}";
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
