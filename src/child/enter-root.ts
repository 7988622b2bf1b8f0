// Owns the first half of the way from the request to the program: the container's namespaces, and the root file system
// in them, call by call, in order.

import { type ChildRequest, type Descriptors, send } from "../sync.ts";
import { joinCgroup } from "./cgroup.ts";
import { createDevices, guardDevices } from "./devices.ts";
import { leaveKeyring, resetPersonality, setOomScore } from "./isolation.ts";
import { reportMade } from "./mount-points.ts";
import { mountAll, mountShared, openTiedSources } from "./mounts.ts";
import { enterNamespaces, nameHost, unshareCgroupNamespace } from "./namespaces.ts";
import { withTmpfs } from "./own-files.ts";
import { openKernelTrees, protectPaths, setSysctls } from "./paths.ts";
import { makeDirectory } from "./process.ts";
import { changeRoot, prepareRoot, sealRoot } from "./rootfs.ts";
import { attachTerminal } from "./terminal.ts";

/** What the second half needs of the first. */
export interface Entered {
  /** the container's /proc; undefined where the spec mounts none */
  proc: number | undefined;
  /** the container's terminal; undefined where it has none */
  terminal: number | undefined;
}

/**
 * Makes and enters everything that the process sees of a container. `network` is a network namespace that the parent has
 * made, `descriptors` is what it has opened. @throws SysError, Refusal
 */
export function enterRoot(
  socket: number,
  request: ChildRequest,
  network: number | undefined,
  descriptors: Descriptors,
  warn: (message: string) => void,
): Entered {
  const { spec, options } = request;
  setOomScore(request); // through the host's /proc
  enterNamespaces(spec, network); // before anything that the host must not see
  nameHost(spec, network);
  leaveKeyring();
  resetPersonality();
  openTiedSources(request, descriptors); // before all mounts are made private, which cuts the ties
  if (!options.overlay) reportMade((path, inode) => send(socket, { type: "made", path, inode }));
  const made = prepareRoot(request, spec, descriptors.get("root"), warn); // a mount of its own, that pivot_root can make the root
  const { root } = made;
  joinCgroup(request, descriptors); // before the cgroup namespace, whose root is the cgroup of the moment
  unshareCgroupNamespace(spec);
  // before the change of root: the sources of binds are host paths
  mountAll(root, request, descriptors, () => createDevices(root, spec));
  guardDevices(root, request);
  const terminal = spec.process.terminal ? attachTerminal(socket, root, spec.process) : undefined;
  const trees = openKernelTrees(root, spec); // the names /proc and /sys may be exchanged by somebody from now on
  setSysctls(trees.proc, spec);
  withTmpfs(root, request, (tmpfs) => protectPaths(root, tmpfs, request, trees));
  if (spec.root.readonly) makeDirectory(root, spec.process);
  mountShared(root, request, descriptors);
  sealRoot(made, spec); // after the last mount point was made
  changeRoot(root, request, warn);
  return { proc: trees.proc, terminal };
}
