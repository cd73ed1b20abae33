/* The machine code of a wrapper that make-binary-wrapper.sh makes. What it does stands behind it in its
   own file: a NUL, MARK and a NUL, then words that each end with a NUL: the program, makeWrapper's flags
   with their operands, and "--". The flags mean what they do in nixpkgs' makeBinaryWrapper. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char MARK[] = "what to launch:";

static _Noreturn void die(const char *what) {
  fprintf(stderr, "launcher: %s: %s\n", what, strerror(errno));
  exit(127);
}

/* The first word: behind the last MARK, since the machine code holds one as well. */
static char *words(void) {
  struct stat status;
  int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  if (file < 0 || fstat(file, &status)) die("/proc/self/exe");
  char *start = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
  if (start == MAP_FAILED) die("/proc/self/exe");
  for (char *at = start + status.st_size - sizeof MARK; at > start; at--)
    if (at[-1] == 0 && !memcmp(at, MARK, sizeof MARK)) return at + sizeof MARK;
  errno = ENOEXEC;
  die("/proc/self/exe");
}

static char *next(char **word) {
  char *this = *word;
  *word += strlen(this) + 1;
  return this;
}

static void set(const char *name, const char *value, int replace) {
  if (setenv(name, value, replace)) die(name);
}

/* Put `first` and `last` into a variable of which one is the present value; an unset one is left out. */
static void join(const char *name, const char *first, const char *separator, const char *last) {
  char *list;
  if (asprintf(&list, "%s%s%s", first, separator, last) < 0) die(name);
  set(name, list, 1);
}

int main(int argc, char **argv) {
  char *word = words(), *program = next(&word), *name0 = program, *flag;
  (void)argc;
  while (strcmp(flag = next(&word), "--")) {
    if (!strcmp(flag, "--inherit-argv0")) {
      name0 = argv[0];
    } else if (!strcmp(flag, "--argv0")) {
      name0 = next(&word);
    } else if (!strcmp(flag, "--set") || !strcmp(flag, "--set-default")) {
      char *name = next(&word);
      set(name, next(&word), !flag[5]);
    } else if (!strcmp(flag, "--unset")) {
      unsetenv(next(&word));
    } else if (!strcmp(flag, "--prefix") || !strcmp(flag, "--suffix")) {
      char *name = next(&word), *separator = next(&word), *value = next(&word), *present = getenv(name);
      if (!present) set(name, value, 1);
      else if (flag[2] == 'p') join(name, value, separator, present);
      else join(name, present, separator, value);
    } else {
      errno = ENOTSUP;
      die(flag);
    }
  }
  argv[0] = name0;
  execv(program, argv);
  die(program);
}
