// Owns bringing the child to life: this binary again, first process of a new pid namespace.

import { CLONE } from "../sys/constants.ts";
import { SysError } from "../sys/errno.ts";
import { close, open, setCloexec } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { setns, unshare } from "../sys/namespace.ts";
import { pidfdOpen, trySpawn } from "../sys/process.ts";
import { socketpair } from "../sys/socket.ts";

export interface Child {
  pid: number;
  pidfd: number;
  socket: number;
}

/** A fixed environment: the container's, or the caller's, could change what the runtime does (BUN_OPTIONS, LD_PRELOAD). */
const CHILD_ENVIRONMENT = ["BUN_JSC_useConcurrentJIT=0", "BUN_JSC_useWarmUpMarkedBlocks=0"];

/**
 * Spawns `/proc/self/exe child`. It waits for its request, and ends by itself when our end of the socket closes.
 * Blocked signals stay blocked in it. @throws SysError
 */
export function spawnChild(): Child {
  const [ours, theirs] = socketpair();
  setCloexec(theirs, false);
  step("make a pid namespace", "it takes effect for the next process, which becomes its number 1");
  const own = open("/proc/self/ns/pid", 0);
  unshare(CLONE.CLONE_NEWPID);
  step("spawn /proc/self/exe child", "the same binary again, as the container's first process");
  const pid = trySpawn("/proc/self/exe", ["minibox", "child", String(theirs)], CHILD_ENVIRONMENT);
  // Back at once: a process whose children would land in another pid namespace cannot start threads, and Bun does.
  setns(own, CLONE.CLONE_NEWPID);
  close(own);
  close(theirs);
  if (pid < 0) throw new SysError("posix_spawn", ["/proc/self/exe"], -pid, "spawn /proc/self/exe child");
  return { pid, pidfd: pidfdOpen(pid), socket: ours };
}
