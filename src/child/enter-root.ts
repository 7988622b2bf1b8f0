// Owns the first half of the way from the request to the program: it enters the container's namespaces and makes the
// root file system in them, call by call, in order.

import { feature } from "bun:bundle";
import { type ChildRequest, type Descriptors, send } from "../sync.ts";
import { stamp } from "../sys/phases.ts";
import { joinCgroup } from "./cgroup.ts";
import { forbidDeviceNodes } from "./devices.ts";
import { leaveKeyring, resetPersonality, setOomScore } from "./isolation.ts";
import { reportMade } from "./mount-points.ts";
import { mountAll, mountShared, openTiedSources } from "./mounts.ts";
import { enterNamespaces, nameHost, unshareCgroupNamespace } from "./namespaces.ts";
import { mountOwnFiles } from "./own-files.ts";
import { openKernelTrees, setSysctls } from "./paths.ts";
import { makeDirectory } from "./process.ts";
import { changeRoot, enterRootfs, makeRootReadonly, prepareRoot } from "./rootfs.ts";
import { connectStdio } from "./stdio.ts";
import { attachTerminal } from "./terminal.ts";

/** Descriptors that the first half leaves open for the second. */
export interface Entered {
  /** the top of the container's /proc; undefined where the spec mounts none */
  proc: number | undefined;
}

/**
 * Makes the container's namespaces and root and enters them. @throws SysError, Refusal
 */
export function enterRoot(
  socket: number,
  request: ChildRequest,
  descriptors: Descriptors,
  warn: (message: string) => void,
): Entered {
  if (feature("PHASES")) stamp("namespaces");
  const { spec, options } = request;
  const { process, linux, root: asked } = spec;
  if (process.oomScoreAdj !== undefined) setOomScore(process.oomScoreAdj); // through the host's /proc
  enterRootfs(descriptors); // before the mount namespace: the descriptor is good in the parent's alone
  enterNamespaces(spec, descriptors.network); // before any change that would otherwise be the host's, too
  nameHost(spec, descriptors.network);
  leaveKeyring();
  resetPersonality();
  openTiedSources(request, descriptors); // before all mounts become private: a copy of a private mount has no tie
  if (!options.overlay) reportMade((path, inode) => send(socket, { type: "made", path, inode }));
  if (feature("PHASES")) stamp("root file system");
  const made = prepareRoot(request, descriptors.root, warn); // pivot_root needs a mount
  const { root } = made;
  if (feature("PHASES")) stamp("cgroup");
  joinCgroup(request, descriptors); // before the cgroup namespace, whose root is its maker's cgroup
  unshareCgroupNamespace(spec);
  if (feature("PHASES")) stamp("mounts");
  // before the change of root: the sources of binds are paths of the host
  mountAll(root, request, descriptors);
  forbidDeviceNodes(root, request);
  const terminal = process.terminal ? attachTerminal(socket, root, process) : undefined;
  if (feature("PHASES")) stamp("masks");
  const trees = openKernelTrees(root, request); // from here on by descriptor: somebody may exchange names in the rootfs
  if (linux.sysctl) setSysctls(trees.proc, linux.sysctl);
  mountOwnFiles(root, request, trees);
  if (asked.readonly) makeDirectory(root, process);
  mountShared(root, request, descriptors);
  connectStdio(root, terminal, request.host.stdio, descriptors);
  if (feature("PHASES")) stamp("change of root");
  if (asked.readonly) makeRootReadonly(made); // only after the last mount point was made
  changeRoot(root, request, warn);
  return { proc: trees.proc };
}
