// Owns where the host's cgroups are mounted, and which of them the caller is in (cgroups(7), proc_pid_mountinfo(5)).

import { unescapeOctal } from "../sys/bytes.ts";
import { readFile, tryReadFile } from "../sys/file.ts";

/** Each of these that is mounted on version 1 must take the container in: they hold it to its limits and its devices. */
export const ALWAYS = ["memory", "pids", "devices"] as const;

/** A container sees its own groups of these on version 1: language runtimes read their share of the machine there. */
const SHOWN = [...ALWAYS, "cpu", "cpuacct", "cpuset"] as const;

/**
 * A container has a group of its own with each of these on version 1: what is shown, the freezer, which pauses it, and
 * blkio, which counts what it reads and writes. With other controllers it stays in its caller's group, and sees nothing
 * of them: that group may be the top of the tree, with the numbers of everybody.
 */
export const OWN_CONTROLLERS = [...SHOWN, "freezer", "blkio"] as const;

/** What a container sees of cgroups: of each hierarchy its own group, which is the root of its cgroup namespace. */
export interface View {
  version: 1 | 2;
  /** version 1, and version 2 beside it: the name in /sys/fs/cgroup, and mount(2)'s options; null for version 2 */
  hierarchies: [name: string, options: string | null][];
}

/** Where the host's cgroups are mounted. */
export interface Hierarchies {
  /** version 1: controller, or another word of the mount's options → mount point */
  v1: Map<string, string>;
  v2: V2Mount | undefined;
  view: View | undefined;
}

export interface V2Mount {
  point: string;
  /** the part of the tree that is mounted there */
  root: string;
  /** The mount belongs to another cgroup namespace, and its option nsdelegate keeps our processes out. */
  foreign: boolean;
}

/** Options that a second mount of a hierarchy must not repeat: flags of one mount, and the host's release_agent. */
const isMountsOwn = (option: string): boolean =>
  option === "rw" || option === "ro" || option.startsWith("release_agent=");

const isShown = (option: string): boolean =>
  option.startsWith("name=") || (SHOWN as readonly string[]).includes(option);

/** Reads the mounted hierarchies from mountinfo (proc_pid_mountinfo(5)). Pure. */
export function parseHierarchies(mountinfo: string): Hierarchies {
  const v1 = new Map<string, string>();
  let v2: V2Mount | undefined;
  const view = new Map<string, string | null>();
  for (let at = mountinfo.indexOf(" - cgroup"); at >= 0; at = mountinfo.indexOf(" - cgroup", at + 1)) {
    // … ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS… - TYPE SOURCE SUPEROPTIONS
    const line = mountinfo.slice(mountinfo.lastIndexOf("\n", at) + 1, at);
    const [type, , superOptions = ""] = mountinfo.slice(at + 3, mountinfo.indexOf("\n", at)).split(" ");
    const [, , , root = "", place = ""] = line.split(" ");
    const mountPoint = unescapeOctal(place);
    const name = mountPoint.slice(mountPoint.lastIndexOf("/") + 1);
    if (type === "cgroup2") {
      if (v2 === undefined) view.set(name, null);
      // the first mount counts; one of another cgroup namespace counts only where there is no other
      if (v2 === undefined || v2.foreign) v2 = version2(mountPoint, unescapeOctal(root), superOptions);
      continue;
    }
    let options = "";
    let shown = false;
    for (const option of superOptions.split(",")) {
      if (!isMountsOwn(option)) options += options === "" ? option : `,${option}`;
      if (v1.has(option)) continue;
      v1.set(option, mountPoint);
      shown ||= isShown(option);
    }
    if (shown) view.set(name, options);
  }
  const version = isVersion1(v1) ? 1 : v2 !== undefined ? 2 : 1;
  const hierarchies: View["hierarchies"] = [];
  if (version === 1) for (const shown of view) hierarchies.push(shown);
  return { v1, v2, view: v1.size > 0 || v2 !== undefined ? { version, hierarchies } : undefined };
}

const version2 = (point: string, root: string, options: string): V2Mount => ({
  point,
  root,
  foreign: root.startsWith("/..") && options.split(",").includes("nsdelegate"),
});

/** True also where both versions are mounted: version 2 has none of the controllers that are in use on version 1. */
export const isVersion1 = (v1: Map<string, string>): boolean =>
  v1.has("memory") || v1.has("pids") || v1.has("cpu");

/** Mounts of cgroups do not change while a command runs, and it looks at them for each container that it deals with. */
let known: Hierarchies | undefined;

/** @throws SysError where /proc is not mounted */
export function readHierarchies(): Hierarchies {
  known ??= parseHierarchies(readFile("/proc/self/mountinfo"));
  return known;
}

/** The directory of the caller's own cgroup on version 2; undefined where the mount does not show it. */
export function ownDirectory({ point, root }: V2Mount): string | undefined {
  const path = /^0::(\/.*)$/m.exec(tryReadFile("/proc/self/cgroup") ?? "")?.[1];
  if (path === undefined || path.startsWith("/..")) return undefined;
  if (root === "/") return path === "/" ? point : `${point}${path}`;
  if (path === root) return point;
  return path.startsWith(`${root}/`) ? `${point}${path.slice(root.length)}` : undefined;
}
