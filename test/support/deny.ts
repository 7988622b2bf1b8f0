// Owns running a program under a seccomp filter that lets one system call fail, as a kernel without that call, an outer
// container or an initramfs does.

import { compile } from "./attack.ts";

/** [x86-64, arm64] */
export const NUMBERS = {
  bpf: [321, 280],
  capget: [125, 90],
  capset: [126, 91],
  chdir: [80, 49],
  close_range: [436, 436],
  fchdir: [81, 50],
  fchmodat: [268, 53],
  flock: [73, 32],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fsopen: [430, 430],
  getdents64: [217, 61],
  keyctl: [250, 219],
  mkdirat: [258, 34],
  mknodat: [259, 33],
  mount: [165, 40],
  mount_setattr: [442, 442],
  move_mount: [429, 429],
  open_tree: [428, 428],
  openat2: [437, 437],
  pidfd_open: [434, 434],
  pivot_root: [155, 41],
  recvmsg: [47, 212],
  sendmsg: [46, 211],
  setgroups: [116, 159],
  sethostname: [170, 161],
  setns: [308, 268],
  setresgid: [119, 149],
  setresuid: [117, 147],
  setsid: [112, 157],
  signalfd4: [289, 74],
  socketpair: [53, 199],
  statfs: [137, 43],
  symlinkat: [266, 36],
  umount2: [166, 39],
  unshare: [272, 97],
} as const;

/** Installs the filter (seccomp(2), BPF by hand) and executes the rest of its words. */
const DENY = `#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(int n, char **v) {
  struct sock_filter steps[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, atoi(v[1]), 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | atoi(v[2])),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof steps / sizeof *steps, steps};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0)) return perror("prctl"), 99;
  execvp(v[3], v + 3);
  return perror(v[3]), 99;
}`;

/** The words that run other words with one system call failing with an errno; needs cc and root. */
export function denying(name: keyof typeof NUMBERS, errno: number, words: string[]): string[] {
  const number = NUMBERS[name][process.arch === "arm64" ? 1 : 0];
  return [compile(DENY), String(number), String(errno), ...words];
}
