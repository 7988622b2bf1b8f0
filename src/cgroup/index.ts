// Owns finding out which control groups the host has (cgroups(7)): v1, v2, or both at once ("hybrid").

import type { Resources } from "../spec/types.ts";
import { readFile } from "../sys/file.ts";
import { OWN_CONTROLLERS, V1Cgroup } from "./v1.ts";
import { V2Cgroup } from "./v2.ts";

/** One container's control group. Made and removed by the parent; the child only joins it. */
export interface Cgroup {
  /** directories, outermost first: recorded before they are made, so that anyone can remove them */
  readonly directories: readonly string[];
  readonly view: View | undefined;
  /** Makes the directories. @throws SysError */
  create(): void;
  /** Puts limits in force. @throws SysError, RunError where one cannot be enforced */
  apply(resources: Resources): void;
  /** Holds the container to these devices, and always to those that hold no state of the host's; false where it cannot. */
  limitDevices(rules: Resources["devices"]): boolean;
  /** the files a process writes "0" into to join; the first `required` of them must let it in */
  readonly joinFiles: readonly string[];
  readonly required: number;
  /** Makes joining faster, where there is a way; called while the child starts. */
  hasten?(): void;
  /** How many processes were killed for want of memory. */
  oomKills(): number;
}

/** What a container is to see of control groups; in its cgroup namespace each hierarchy's top is where it is itself. */
export interface View {
  version: 1 | 2;
  /** version 1, and version 2 beside it: the name in /sys/fs/cgroup, and mount(2)'s options; null for version 2 */
  hierarchies: [name: string, options: string | null][];
}

/** Where the host's control groups are mounted. */
export interface Hierarchies {
  /** v1: controller, or another word of the mount's options → mount point */
  v1: Map<string, string>;
  v2: string | undefined;
  view: View | undefined;
}

/** What no mount of a hierarchy can be asked for anew: its own flags, and what the host's root alone may say. */
const isMountsOwn = (option: string): boolean =>
  option === "rw" || option === "ro" || option.startsWith("release_agent=");

const isShown = (option: string): boolean =>
  option.startsWith("name=") || (OWN_CONTROLLERS as readonly string[]).includes(option);

/** Reads the mounted hierarchies from mountinfo (proc_pid_mountinfo(5)). Pure. */
export function parseHierarchies(mountinfo: string): Hierarchies {
  const v1 = new Map<string, string>();
  let v2: string | undefined;
  const view = new Map<string, string | null>();
  for (let at = mountinfo.indexOf(" - cgroup"); at >= 0; at = mountinfo.indexOf(" - cgroup", at + 1)) {
    // … ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS… - TYPE SOURCE SUPEROPTIONS
    const line = mountinfo.slice(mountinfo.lastIndexOf("\n", at) + 1, at);
    const [type, , superOptions = ""] = mountinfo.slice(at + 3, mountinfo.indexOf("\n", at)).split(" ");
    const mountPoint = unescapeOctal(line.split(" ")[4]!);
    const name = mountPoint.slice(mountPoint.lastIndexOf("/") + 1);
    if (type === "cgroup2") {
      if (v2 === undefined) view.set(name, null);
      v2 ??= mountPoint;
      continue;
    }
    const options = superOptions.split(",");
    let shown = false;
    for (const option of options) {
      if (v1.has(option)) continue;
      v1.set(option, mountPoint);
      shown ||= isShown(option);
    }
    if (shown) view.set(name, options.filter((option) => !isMountsOwn(option)).join(","));
  }
  const version = isVersion1(v1) ? 1 : v2 !== undefined ? 2 : 1;
  const hierarchies = version === 1 ? [...view] : [];
  return { v1, v2, view: v1.size > 0 || v2 !== undefined ? { version, hierarchies } : undefined };
}

/** Also of a hybrid: with any controller on v1, the v2 mount beside it has none to offer. */
const isVersion1 = (v1: Map<string, string>): boolean => v1.has("memory") || v1.has("pids") || v1.has("cpu");

/** mountinfo writes space, tab, newline and backslash as octal. */
const unescapeOctal = (text: string): string =>
  !text.includes("\\")
    ? text
    : text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/** The control group of a new container; undefined where the host has none. */
export function openCgroup(id: string, resources: Resources): Cgroup | undefined {
  const hierarchies = parseHierarchies(readFile("/proc/self/mountinfo"));
  if (isVersion1(hierarchies.v1)) return new V1Cgroup(hierarchies, id, resources);
  return hierarchies.v2 === undefined ? undefined : new V2Cgroup(hierarchies.v2, id);
}

/** What a container sees that has no control group of its own. */
export const callersView = (): View | undefined => parseHierarchies(readFile("/proc/self/mountinfo")).view;
