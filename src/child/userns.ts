// Owns the way into a user namespace (user_namespaces(7)).
//
// Theory of operation. The pid namespace must belong to the container's user namespace, else no /proc can be mounted
// for it; so it is made by a process that is inside already, and that process is none of the container's. It lives
// some milliseconds:
//
//   parent ── spawn ──▶ this process
//          ◀── map ──           after unshare(CLONE_NEWUSER)
//          ── mapped ─▶         after uid_map and gid_map were written, which takes rights outside
//          ◀── spawned ──       after unshare(CLONE_NEWPID) and the start of the child, PID 1 in there
//
// Then it ends, and the parent, a subreaper (prctl(2)), has the child as its own.

import { CHILD_ENVIRONMENT, read, send, spawnedFrame, type ToChild } from "../sync.ts";
import { CLONE, SIGNALS } from "../sys/constants.ts";
import { setCloexec } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { unshare } from "../sys/namespace.ts";
import { exit, setIdentity, setParentDeathSignal, spawnInNewNamespaceAndEnd } from "../sys/process.ts";
import { fail, reportCalls } from "./report.ts";

/** The entry of `minibox userns SOCKET [trace]`. */
export function enterUserNamespace(socket: number, trace: boolean): never {
  try {
    enter(socket, trace);
  } catch {
    // the socket itself has failed, or was none: nobody is there to be told
    exit(125);
  }
}

function enter(socket: number, trace: boolean): never {
  setParentDeathSignal(SIGNALS.KILL);
  try {
    setCloexec(socket, true);
    if (trace) reportCalls(socket);
    step("unshare the user namespace", "ids and capabilities in it mean nothing outside");
    unshare(CLONE.CLONE_NEWUSER);
    send(socket, { type: "map" });
    if (read<ToChild>(socket)?.message.type !== "mapped") exit(125);
    step("become root of the user namespace", "execve takes the capabilities of every other id");
    setIdentity(0, 0, undefined);
    step("spawn /proc/self/exe child", "the same binary again, as the first process of a new pid namespace");
    setCloexec(socket, false);
    const words = ["minibox", "child", String(socket), "adopted"];
    spawnInNewNamespaceAndEnd(
      CLONE.CLONE_NEWPID,
      "/proc/self/exe",
      words,
      CHILD_ENVIRONMENT,
      socket,
      spawnedFrame(),
    );
  } catch (error) {
    fail(socket, error);
  }
}
