#!/bin/sh
# Make the clone that one is in run a program at each turn, and print the ids of its last two commits. The program is
# `run` in the directory `$1`; it writes what it is called with to `ran` there.
# git-config(1): what is a command, and what leads to one.
set -eu
place=$1
run=$place/run
file=pkgs/applications/virtualization/docker/default.nix
cat >"$run" <<END
#!/bin/sh
echo "\$0 \$*" >>'$place/ran'
exit 1
END
chmod +x "$run"
mkdir "$place/hooks"
for hook in post-index-change reference-transaction fsmonitor-watchman post-checkout; do
    ln -s "$run" "$place/hooks/$hook"
done
printf '*.nix filter=a=b.c diff=told merge=told\n*.md filter=long diff=told\n' >"$place/attributes"
echo '# one' >>$file

# A repository in the repository has a configuration of its own.
git init --quiet inner
echo inner >inner/file
git -C inner add --all
git -C inner commit --quiet --message=inner
printf '[submodule "inner"]\n\tpath = inner\n\turl = ./inner\n' >.gitmodules
git add --all 2>/dev/null
git commit --quiet --message=one
git -C inner config filter.inner.clean "$run"
mkdir -p inner/.git/info
echo '* filter=inner' >inner/.git/info/attributes
touch -d @0 inner/file

# Nobody has made this signature.
signature='gpgsig -----BEGIN PGP SIGNATURE-----\n \n nothing\n -----END PGP SIGNATURE-----'
commit=$(git cat-file commit HEAD | sed "/^committer /a $signature" | git hash-object -t commit -w --stdin)
git reset --quiet --hard "$commit"
git rev-parse HEAD~1 HEAD

cat >>.git/config <<END
[core]
	fsmonitor = $run
	pager = $run
	editor = $run
	sshCommand = $run
	askPass = $run
	gitProxy = $run
	alternateRefsCommand = $run
	hooksPath = $place/hooks
	attributesFile = $place/attributes
[log]
	showSignature = true
[gpg]
	program = $run
[gpg "ssh"]
	program = $run
	allowedSignersFile = /dev/null
[diff]
	external = $run
[diff "told"]
	command = $run
	textconv = $run
[filter "a=b.c"]
	clean = $run
	smudge = $run
	required = true
[filter "long"]
	process = $run
	required = true
[merge "told"]
	driver = $run
[credential]
	helper = $run
[pager]
	log = $run
	diff = $run
[uploadpack]
	packObjectsHook = $run
[diff]
	ignoreSubmodules = none
	submodule = log
[submodule]
	recurse = true
[submodule "inner"]
	ignore = none
[alias]
	rev-parse = !$run
	log = !$run
END
mkdir -p .git/info
cp "$place/attributes" .git/info/attributes
echo '# two' >>$file
# Git compares the content of a file only if its times leave it open.
find . -name '*.nix' -exec touch -d @0 {} +
