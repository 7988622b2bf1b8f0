// Owns what a file's mount has to do with it: noexec, and which file of the host it is.

import type { Spec } from "../spec/types.ts";
import { mountFlags, mountId, ST_NOEXEC } from "../sys/statfs.ts";
import { NOT_EXECUTABLE, type Place, quoted, type Reason, shown } from "./place.ts";

/** The mount point of a mountinfo line, below the root of the process that it was read of. Pure. */
export function mountPoint(mountinfo: string, id: string | undefined): string | undefined {
  const line = mountinfo.split("\n").find((text) => text.split(" ", 1)[0] === id);
  return line
    ?.split(" ")[4]
    ?.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** Why a file cannot be executed on the mount that it lies on, if so. */
export function noexecReason(place: Place, fd: number): Reason | undefined {
  if ((mountFlags(fd) & ST_NOEXEC) === 0) return undefined;
  const point = mountPoint(place.mountinfo, mountId(fd));
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

/** The flag that allows it. Pure. */
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

/** The host's name for what lies at a path of the container, quoted for a shell; undefined where we cannot tell. */
export function hostPath(place: Place, at: string, fd: number): string | undefined {
  const point = mountPoint(place.mountinfo, mountId(fd));
  if (point === "/") return quoted(trimmed(`${place.spec.root.path}/${at}`));
  const mount = point === undefined ? undefined : mountAt(place.spec, point);
  if (mount?.type !== "bind" || !mount.source?.startsWith("/")) return undefined;
  return quoted(trimmed(`${mount.source}/${at.slice(point!.length)}`));
}
