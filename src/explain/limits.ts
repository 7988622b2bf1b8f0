// Owns the reasons for a failed execve(2) that do not lie in the file: arguments that are too long, no memory, too many
// processes (execve(2), "Limits on size of arguments and environment").

import type { Spec } from "../spec/types.ts";
import { encode } from "../sys/bytes.ts";
import { NOT_EXECUTABLE, type Reason, shown } from "./place.ts";

/** The kernel's limit for one argument, MAX_ARG_STRLEN, is 32 pages, the NUL at its end included. */
const PAGES_OF_A_WORD = 32;
/**
 * In bytes. All arguments together may take a quarter of the stack limit, within these (fs/exec.c,
 * bprm_stack_limits()).
 */
const LEAST_TOTAL = 131_072;
const MOST_TOTAL = 6 * 1024 * 1024;
const POINTER_BYTES = 8;

/**
 * The reason for E2BIG: one argument or variable is too long, or all together. Limit and page size are in bytes. Pure.
 */
export function tooBig(
  path: string,
  { args, env = [] }: Spec["process"],
  stackLimit: bigint,
  pageSize: number,
): Reason {
  const longest = pageSize * PAGES_OF_A_WORD - 1;
  const word = [...args, ...env].findIndex((text) => encode(text).length > longest);
  const hint = "pass it in a file or through stdin";
  if (word >= 0) {
    const text = word < args.length ? args[word]! : env[word - args.length]!;
    const name = word < args.length ? `argument ${word}` : `the variable ${shown(text.split("=", 1)[0]!)}`;
    const what = `${name} is ${encode(text).length} bytes long, ${longest} is the limit for one`;
    return { what, status: NOT_EXECUTABLE, hint };
  }
  const words = args.length + env.length;
  const bytes = [...args, ...env, path].reduce((sum, text) => sum + encode(text).length + 1, 0);
  const quarter = stackLimit / 4n;
  const limit = Math.max(quarter > BigInt(MOST_TOTAL) ? MOST_TOTAL : Number(quarter), LEAST_TOTAL);
  return {
    what: `arguments and environment are ${bytes + words * POINTER_BYTES} bytes together, with a pointer for each of ${words} words; the limit is ${limit}`,
    status: NOT_EXECUTABLE,
    hint: `the limit is a quarter of that for the stack (process.rlimits stack), at most ${MOST_TOTAL}; or ${hint}`,
  };
}

/** The reason for ENOMEM. Pure. */
export function noMemory(spec: Spec): Reason {
  const limits = ["RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_STACK"].filter((type) =>
    spec.process.rlimits?.some((limit) => limit.type === type),
  );
  const fields = limits.map((type) => `process.rlimits ${type.slice(7).toLowerCase()}`);
  if (spec.linux.resources?.memory?.limit !== undefined) fields.push("linux.resources.memory.limit");
  return {
    what: "there is not enough memory to start it",
    status: NOT_EXECUTABLE,
    hint: fields.length > 0 ? `is ${fields.join(" or ")} too small?` : "the host itself is short of memory",
  };
}

/**
 * The reason for EAGAIN. The kernel compares a user's processes with RLIMIT_NPROC in setuid(2), and execve(2) fails
 * where there are too many. With `isSpawn` (under an init) the command is a second process, which
 * linux.resources.pids.limit counts. Pure.
 */
export function tooManyProcesses({ process: { user, rlimits }, linux }: Spec, isSpawn: boolean): Reason {
  const most = linux.resources?.pids?.limit;
  if (isSpawn && most === 1)
    return {
      what: "one process is allowed, and with an init that is minibox",
      status: NOT_EXECUTABLE,
      hint: "raise linux.resources.pids.limit to 2 or more, or go without the init",
    };
  const limit = rlimits?.find(({ type }) => type === "RLIMIT_NPROC");
  const count = isSpawn ? "as many processes as" : "more processes than";
  const alternative = most === undefined ? ", or take linux.resources.pids.limit instead" : "";
  return {
    what: `user ${user.uid} has ${count} its limit${limit ? ` of ${limit.soft}` : ""} allows`,
    status: NOT_EXECUTABLE,
    hint: `all processes of that user id on the host count: raise process.rlimits nproc${alternative}`,
  };
}
