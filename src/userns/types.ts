// Owns the types of the user namespace's room: what is planned, what is done with the plan, and for which process.

import type { NewCgroup } from "../cgroup/types.ts";
import type { IdMapping, Linux, Spec } from "../spec/types.ts";
import type { Descriptors, FromChild } from "../sync.ts";
import type { Exit } from "../sys/process.ts";

/** Ids of users or of groups that follow each other. */
export interface Range {
  start: number;
  size: number;
}

/** Ids of the host. */
export interface HostIds {
  uid: Range[];
  gid: Range[];
}

/** What a container's user namespace is to be. Plain data, which can be stored. */
export interface UserNamespacePlan {
  /** the caller has no rights on the host beyond those of the container's root */
  rootless: boolean;
  /** the namespace exists: it has its mappings already, which are found out when it is entered */
  joins: boolean;
  uidMappings: IdMapping[];
  gidMappings: IdMapping[];
  /** what the mappings are to be chosen from when the container's state is made, so that no other container has the same */
  pool?: HostIds;
  /** setgroups(2) is denied in the namespace, so the caller's supplementary groups stay */
  keepGroups: boolean;
  /** paths of newuidmap(1) and newgidmap(1), where an ordinary user needs them to map more than its own id */
  tools: { uid: string; gid: string } | undefined;
  /** what the person should know of this plan, a sentence each */
  notes: string[];
}

/** What a process has found once it is inside. */
export interface EnteredNamespace {
  /** the object with the namespace, its mappings, and what must be different for it */
  spec: Spec;
  keepGroups: boolean;
  /** those of the caller's 0, 1 and 2 that it has opened once more, as descriptors of this process */
  reopened: ReadonlyMap<number, number>;
  /**
   * the rootfs's directory in the mount namespace of the container's first process, where that is another one than ours
   */
  rootfs?: number | undefined;
}

/** The process that makes the namespace; once that is done, the container's first process in its place. */
export interface Entrant {
  pid: number;
  pidfd: number;
  socket: number;
  /** the pid of the first process's keeper, where it has one */
  keeper?: number | undefined;
  /** how it ended, once it was waited for */
  exit: Exit | undefined;
}

/** Functions that are called with what the process reports on its way. */
export interface Callbacks {
  /** a note for the person */
  warn(message: string): void;
  /** a step or a call of the child's, when tracing */
  trace(message: FromChild): void;
}

/** The parent's part in a container with a user namespace. */
export interface UserNamespaceWork {
  plan: UserNamespacePlan;
  /**
   * The ids of the host that the container is to have, without those of an ordinary user, which all its containers
   * share. Where they come from a pool they are chosen now, and differ from those held; undefined where none are left.
   */
  chooseIds(held: () => HostIds, rootfs: number): HostIds | undefined;
  /** The error for a pool of which nothing is left. */
  noIdsLeft(): Error;
  /**
   * Turns the process that makes the namespace into the container's first one. `rootfs` is a descriptor of the rootfs;
   * it is closed where the result has another one. @throws SysError, RunError
   */
  enter(child: Entrant, spec: Spec, rootfs: number, callbacks: Callbacks): EnteredNamespace;
  /** Opens the control groups that the caller may use. @throws RunError, SysError */
  planCgroup(id: string, linux: Linux): NewCgroup | undefined;
  /** Opens what the child has no right to open. The caller closes it. @throws SysError, RunError */
  openDescriptors(
    pid: number,
    spec: Spec,
    rootfs: number,
    cgroupFiles: readonly string[],
    warn: (message: string) => void,
  ): Descriptors;
}
