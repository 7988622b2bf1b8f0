// Owns namespaces: unshare(2), setns(2), and what is set up right inside a new one.

import { cstring, encode } from "./bytes.ts";
import { AF_INET, CLONE, IOCTL, O, SOCK_CLOEXEC, SOCK_DGRAM } from "./constants.ts";
import { close, open, tryOpen, tryReadFile, tryWrite } from "./file.ts";
import { attempt, call } from "./libc.ts";
import { socket } from "./socket.ts";

/** int unshare(int flags). @throws SysError */
export function unshare(flags: number): number {
  return call("unshare", flags);
}

/** int setns(int fd, int nstype). @throws SysError */
export function setns(fd: number, type: number): number {
  return call("setns", fd, type);
}

/** setns(2): 0, or -errno. */
export function trySetns(fd: number, type: number): number {
  return attempt("setns", fd, type);
}

/**
 * Opens a namespace by its path; undefined where that is something else, or a namespace of another kind
 * (ioctl_ns(2), NS_GET_NSTYPE). @throws SysError where the path cannot be opened
 */
export function openNamespace(path: string, flag: number): number | undefined {
  const fd = open(path, O.O_NONBLOCK); // a FIFO would make us wait
  if (attempt("ioctl", fd, IOCTL.NS_GET_NSTYPE) === flag) return fd;
  close(fd);
  return undefined;
}

/** int sethostname(const char *name, size_t length). @throws SysError */
export function sethostname(name: string): void {
  call("sethostname", name, encode(name).length);
}

/** int setdomainname(const char *name, size_t length). @throws SysError */
export function setdomainname(name: string): void {
  call("setdomainname", name, encode(name).length);
}

/** True where every id is the host's own: in any other user namespace root has no rights over the host's devices. */
export function isInitialUserNamespace(): boolean {
  return tryReadFile("/proc/self/uid_map")?.trim().split(/\s+/).join(" ") === "0 0 4294967295";
}

/**
 * int ioctl(int fd, SIOCSIFFLAGS, struct ifreq *): brings the loopback interface up (netdevice(7)). @throws SysError
 */
export function loopbackUp(): void {
  const fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC);
  try {
    // struct ifreq: 16 bytes of name, then short ifr_flags
    const ifreq = new Uint8Array(40);
    ifreq.set(cstring("lo"));
    const IFF_UP = 1;
    ifreq[16] = IFF_UP;
    call("ioctl", fd, IOCTL.SIOCSIFFLAGS, ifreq);
  } finally {
    close(fd);
  }
}

/**
 * Lets every user of this network namespace listen on any port, and the groups up to `lastGroup` send pings (ip(7),
 * icmp(7)). A new namespace has no port that others rely on. Where a file cannot be written, the kernel's rule stays.
 */
export function openToAllUsers(lastGroup: number): void {
  trySysctl("ip_unprivileged_port_start", "0");
  trySysctl("ping_group_range", `0 ${lastGroup}`);
}

function trySysctl(name: string, value: string): void {
  const fd = tryOpen(`/proc/sys/net/ipv4/${name}`, O.O_WRONLY);
  if (fd < 0) return;
  tryWrite(fd, value);
  close(fd);
}

/** OCI's namespace names and the kernel's flags (runtime-spec, config-linux.md "Namespaces"). */
export const NAMESPACE_FLAGS = {
  pid: CLONE.CLONE_NEWPID,
  network: CLONE.CLONE_NEWNET,
  mount: CLONE.CLONE_NEWNS,
  ipc: CLONE.CLONE_NEWIPC,
  uts: CLONE.CLONE_NEWUTS,
  user: CLONE.CLONE_NEWUSER,
  cgroup: CLONE.CLONE_NEWCGROUP,
  time: CLONE.CLONE_NEWTIME,
} as const;
