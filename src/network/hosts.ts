// Owns the text of a container's own /etc/hosts and /etc/hostname (hosts(5), hostname(5)).

import type { OwnFile } from "../sync.ts";
import { tryReadFile, tryReadFileInRoot } from "../sys/file.ts";

const HOSTS = "/etc/hosts";

/** The rows that docker writes for the loopback interface. */
const LOOPBACK = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;

/**
 * Returns both files for a container with this host name and this open rootfs. `useHost`: the container uses the host's
 * network. @throws SysError
 */
export function nameFiles(root: number, hostname: string, useHost: boolean): OwnFile[] {
  const own = tryReadFileInRoot(root, HOSTS);
  const host = useHost ? tryReadFile(HOSTS) : undefined;
  return [
    { path: HOSTS, text: hostsText(own ?? "", host ?? "", hostname), make: true },
    // Not made where the rootfs lacks it: programs ask the kernel for the host name (gethostname(2)).
    { path: "/etc/hostname", text: `${hostname}\n`, make: false },
  ];
}

/**
 * Returns the text of /etc/hosts: the rootfs's rows, the host's rows after them, and added rows where these do not name
 * localhost or the host name. The host name gets 127.0.1.1, as Debian does for a host without a permanent address.
 * Pure.
 */
export function hostsText(own: string, host: string, hostname: string): string {
  let text = ended(own);
  if (host !== "") {
    const there = new Set(text.split("\n"));
    for (const line of host.split("\n")) if (!there.has(line)) text += `${line}\n`;
  }
  if (!isNamed(text, "localhost")) text = LOOPBACK + text;
  if (!canBeNamed(hostname) || isNamed(text, hostname)) return text;
  const dot = hostname.indexOf(".");
  const short = dot > 0 ? ` ${hostname.slice(0, dot)}` : "";
  return `${text}127.0.1.1\t${hostname}${short}\n`;
}

const ended = (text: string): string => (text === "" || text.endsWith("\n") ? text : `${text}\n`);

/** False for what would be more than one name: white space separates names, and # begins a comment. */
function canBeNamed(hostname: string): boolean {
  for (const separator of [" ", "\t", "\n", "\v", "\f", "\r", "#"])
    if (hostname.includes(separator)) return false;
  return true;
}

/** True where a row gives an address this name. */
function isNamed(text: string, name: string): boolean {
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at)) {
    const start = text.lastIndexOf("\n", at) + 1;
    at = text.indexOf("\n", at); // each row is looked at once, whatever is in it
    if (at < 0) at = text.length;
    const [row] = text.slice(start, at).split("#", 1);
    if (row!.trim().replaceAll("\t", " ").split(" ").includes(name, 1)) return true;
  }
  return false;
}
