// Owns namespaces: unshare(2), setns(2), and what is set up right inside a new one.

import { cstring, encode } from "./bytes.ts";
import { AF_INET, AT_FDCWD, CLONE, IOCTL, O, SOCK_CLOEXEC, SOCK_DGRAM } from "./constants.ts";
import { close } from "./file.ts";
import { attempt, call } from "./libc.ts";

/** unshare(2). @throws SysError */
export const unshare = (flags: number): number => call("unshare", flags);

/** setns(2). @throws SysError */
export const setns = (fd: number, type: number): number => call("setns", fd, type);

/** sethostname(2). @throws SysError */
export function sethostname(name: string): void {
  call("sethostname", name, encode(name).length);
}

/** setdomainname(2). @throws SysError */
export function setdomainname(name: string): void {
  call("setdomainname", name, encode(name).length);
}

/** Brings the loopback interface up in this network namespace (netdevice(7)). @throws SysError */
export function loopbackUp(): void {
  const fd = call("socket", AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
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
 * Lets every user of this new network namespace listen on any port, and the groups up to `lastGroup` send pings
 * (ip(7), icmp(7)): whoever is in it has it to himself. Where the kernel will not, its own rules stay.
 */
export function openToAllUsers(lastGroup: number): void {
  trySysctl("ip_unprivileged_port_start", "0");
  trySysctl("ping_group_range", `0 ${lastGroup}`);
}

function trySysctl(name: string, value: string): void {
  const fd = attempt("openat", AT_FDCWD, `/proc/sys/net/ipv4/${name}`, O.O_WRONLY | O.O_CLOEXEC, 0);
  if (fd < 0) return;
  attempt("write", fd, value, value.length);
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
