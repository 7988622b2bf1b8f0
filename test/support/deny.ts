// Owns running a program under a seccomp filter in which chosen system calls fail: what a kernel, a container or an
// initramfs without them would answer.

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
const SCRIPT = `
import ctypes, os, struct, sys
number, errno = int(sys.argv[1]), int(sys.argv[2])
LOAD_NUMBER, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
steps = [(LOAD_NUMBER, 0, 0, 0), (JUMP_IF_EQUAL, 0, 1, number), (RETURN, 0, 0, 0x50000 | errno), (RETURN, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) != 0: sys.exit("prctl: " + os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[3], sys.argv[3:])
`;

/** The words that run other words with one system call failing with an errno; needs python3 and root. */
export function denying(name: keyof typeof NUMBERS, errno: number, words: string[]): string[] {
  const number = NUMBERS[name][process.arch === "arm64" ? 1 : 0];
  return ["python3", "-c", SCRIPT, String(number), String(errno), ...words];
}
