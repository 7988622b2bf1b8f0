// Owns what the mount that a file lies on tells of it: whether it is noexec, and which file of the host it is.

import type { Spec } from "../spec/types.ts";
import { decode } from "../sys/bytes.ts";
import { open, readHead, withFd } from "../sys/file.ts";
import { mountFlags, mountId, ST_NOEXEC } from "../sys/statfs.ts";
import type { Budget } from "./budget.ts";
import { NOT_EXECUTABLE, type Place, quoted, type Reason, shown } from "./place.ts";

/** Reads the mountinfo of a process, whatever its size, as far as the budget goes. @throws SysError, BudgetSpent */
export const readMountinfo = (pid: number, budget: Budget): string =>
  withFd(open(`/proc/${pid}/mountinfo`, 0), (fd) =>
    decode(readHead(fd, Number.MAX_SAFE_INTEGER, (bytes) => budget.spend(bytes))),
  );

/**
 * Returns the mount point of the mount with this id, as seen in the root of the process whose mountinfo it is. Pure.
 */
export function mountPoint(mountinfo: string, id: string | undefined): string | undefined {
  const line = mountinfo.split("\n").find((text) => text.split(" ", 1)[0] === id);
  return line
    ?.split(" ")[4]
    ?.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** The reason where a file's mount is noexec; undefined where it is not. */
export function noexecReason(place: Place, fd: number): Reason | undefined {
  if ((mountFlags(fd) & ST_NOEXEC) === 0) return undefined;
  const point = mountPoint(place.mountinfo(), mountId(fd));
  if (point === undefined) return { what: "it lies on a mount with noexec", status: NOT_EXECUTABLE };
  const where = point === "/" ? "the rootfs" : shown(point);
  return {
    what: `${where} is mounted noexec: no file in there can be executed`,
    status: NOT_EXECUTABLE,
    hint: noexecHint(place.spec, point),
  };
}

const trimmed = (path: string): string => `/${path.split("/").filter(Boolean).join("/")}`;

const mountAt = (spec: Spec, point: string) =>
  spec.mounts?.findLast((mount) => trimmed(mount.destination) === point);

/** Returns a hint that allows execution on a noexec mount. Pure. */
export function noexecHint(spec: Spec, point: string): string {
  if (point === "/")
    return "the host has mounted the rootfs's file system noexec: mount -o remount,exec it, or put the rootfs elsewhere";
  const mount = mountAt(spec, point);
  if (mount?.type === "tmpfs" && !point.startsWith("/dev"))
    return `mount it with exec: --tmpfs ${quoted(point)}:exec`;
  if (mount?.type !== "bind") return "put the program elsewhere in the rootfs";
  const kept = (mount.options ?? []).filter((option) => !["rbind", "bind", "noexec"].includes(option));
  return `mount it with exec: -v ${quoted(`${mount.source}:${point}:${[...kept, "exec"].join(",")}`)}`;
}

/** Returns the host's path of a file in the container, quoted for a shell; undefined where it cannot be told. */
export function hostPath(place: Place, at: string, fd: number): string | undefined {
  const point = mountPoint(place.mountinfo(), mountId(fd));
  if (point === "/") return quoted(trimmed(`${place.spec.root.path}/${at}`));
  const mount = point === undefined ? undefined : mountAt(place.spec, point);
  if (mount?.type !== "bind" || !mount.source?.startsWith("/")) return undefined;
  return quoted(trimmed(`${mount.source}/${at.slice(point!.length)}`));
}
