// Owns which devices a container may open and make: OCI's ordered rules become one list, and the list goes into cgroup
// v1's files (kernel documentation, admin-guide/cgroup-v1/devices.rst).

import type { DeviceRule } from "../spec/types.ts";
import { O } from "../sys/constants.ts";
import { close, tryOpen, tryWrite } from "../sys/file.ts";
import { step } from "../sys/libc.ts";
import { tryWriteFile } from "./directory.ts";

/** A device that is allowed by a list that denies the others, or denied by a list that allows them. -1 is every number. */
export interface DeviceException {
  type: "b" | "c";
  major: number;
  minor: number;
  /** one or more of "r" (read), "w" (write) and "m" (mknod) */
  access: string;
}

export interface DeviceList {
  allowAll: boolean;
  exceptions: readonly DeviceException[];
}

const ALL = -1;
const EVERY_ACCESS = "rwm";

const character = (major: number, minor: number, access = EVERY_ACCESS): DeviceException => ({
  type: "c",
  major,
  minor,
  access,
});

/**
 * In force whatever the spec says, as in runc: every node may be made, and devices without state of the host's opened.
 * The container's terminals are those of /dev/ptmx and /dev/pts. Its /dev/console is one of them, and not the host's
 * console (5:1).
 */
const ALWAYS: readonly DeviceException[] = [
  character(ALL, ALL, "m"),
  { type: "b", major: ALL, minor: ALL, access: "m" },
  character(1, 3), // null
  character(1, 5), // zero
  character(1, 7), // full
  character(1, 8), // random
  character(1, 9), // urandom
  character(5, 0), // tty
  character(5, 2), // ptmx
  character(136, ALL), // pts
];

/** Applies rules in order, as the kernel does with a write for each: starting from nothing allowed. Pure. */
export function deviceList(rules: readonly DeviceRule[] | undefined): DeviceList {
  const list: DeviceList = { allowAll: false, exceptions: [] };
  for (const rule of rules ?? []) applyRule(list, rule);
  // nearly every container has no rules, or only one that denies all: the result is known
  if (!list.allowAll && list.exceptions.length === 0) return { allowAll: false, exceptions: ALWAYS };
  for (const exception of ALWAYS) change(list, exception, !list.allowAll);
  return list;
}

function applyRule(list: DeviceList, rule: DeviceRule): void {
  const { allow, type = "a", major = ALL, minor = ALL } = rule;
  const access = rule.access || EVERY_ACCESS;
  if (type === "a") {
    // A rule for all types replaces the whole list, whatever numbers it has.
    list.allowAll = allow;
    list.exceptions = [];
  } else change(list, { type, major, minor, access }, allow !== list.allowAll);
}

/** Adds an exception or takes one away. Like the kernel, it finds only one with the same type and numbers. */
function change(list: DeviceList, { type, major, minor, access }: DeviceException, add: boolean): void {
  const left: DeviceException[] = [];
  let before = "";
  for (const exception of list.exceptions) {
    if (exception.type === type && exception.major === major && exception.minor === minor)
      before = exception.access;
    else left.push(exception);
  }
  let after = "";
  for (const letter of EVERY_ACCESS) {
    const isMeant = access.includes(letter);
    if (add ? isMeant || before.includes(letter) : before.includes(letter) && !isMeant) after += letter;
  }
  if (after !== "") left.push({ type, major, minor, access: after });
  list.exceptions = left;
}

const number = (value: number): string => (value === ALL ? "*" : String(value));

/** Writes the list into a cgroup's devices.allow and devices.deny. False where the kernel does not let us. */
export function limitDevicesV1(directory: string, list: DeviceList): boolean {
  step("limit the devices", "no other device of the host's can be opened, whatever nodes are made");
  const [whole, others] = list.allowAll ? ["allow", "deny"] : ["deny", "allow"];
  if (tryWriteFile(`${directory}/devices.${whole}`, "a") < 0) return false;
  return tryExcept(`${directory}/devices.${others}`, list.exceptions) || !list.allowAll;
}

/** One write(2) for each. What the cgroup above does not allow cannot be allowed here, and stays denied. */
function tryExcept(path: string, exceptions: readonly DeviceException[]): boolean {
  const fd = tryOpen(path, O.O_WRONLY);
  if (fd < 0) return false;
  let done = true;
  for (const { type, major, minor, access } of exceptions)
    if (tryWrite(fd, `${type} ${number(major)}:${number(minor)} ${access}`) < 0) done = false;
  close(fd);
  return done;
}
