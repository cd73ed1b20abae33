/* A stand-in for a NixOS security wrapper: with the file capabilities cap_net_bind_service and cap_setpcap
   it makes the former ambient, so that SOURCE, which has none itself, inherits it. */

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  return 127;
}

int main(int argc, char **argv) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
  (void)argc;
  if (syscall(SYS_capget, &header, data)) return fail("failed to get capabilities");
  data[0].inheritable |= 1u << CAP_NET_BIND_SERVICE;
  if (syscall(SYS_capset, &header, data) ||
      prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0))
    return fail("failed to inherit capabilities");
  execv(SOURCE, argv);
  return fail("cannot run '" SOURCE "'");
}
