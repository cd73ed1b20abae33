/* As nixpkgs' makeBinaryWrapper makes it: a program that sets PATH and holds the command that it was made with. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
const char *made = "# This wrapper was made with the following command:\n\nmakeCWrapper '" PROGRAM "' \\\n"
                   "    --prefix PATH : '" PREFIX "' \n\n";
int main(int argc, char **argv) {
  char *path;
  if (asprintf(&path, PREFIX ":%s", getenv("PATH")) < 0 || setenv("PATH", path, 1)) return 127;
  argv[0] = PROGRAM;
  return execv(argv[0], argv);
}
