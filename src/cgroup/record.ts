// Owns how far a cgroup's record is believed. It comes from a state file, which others than minibox may have written, and
// what lives in a recorded cgroup is killed. Two things cannot be forged in a file: where the kernel has cgroups mounted,
// and the mark, a bit of the directory's mode that takeCgroup() sets.

import { tryFchmodat } from "../sys/access.ts";
import { AT_FDCWD, S_ISVTX } from "../sys/constants.ts";
import { tryStat } from "../sys/stat.ts";
import { readHierarchies } from "./hierarchies.ts";
import type { CgroupRecord, V1Record, V2Record } from "./types.ts";

/** The mode of a container's cgroup. The sticky bit has no meaning there: it marks the cgroup as one that minibox took. */
export const MARKED_MODE = 0o1755;

/** Marks a cgroup that was there before, as far as we may. */
export function mark(directory: string): void {
  setMode(directory, (mode) => mode | S_ISVTX);
}

/** Takes the mark from a cgroup that stays. */
export function unmark(directory: string): void {
  setMode(directory, (mode) => mode & ~S_ISVTX);
}

function setMode(directory: string, change: (mode: number) => number): void {
  const mode = (tryStat(directory, false)?.mode ?? 0) & 0o7777;
  if (mode !== change(mode)) tryFchmodat(AT_FDCWD, directory, change(mode));
}

/** More directories than version 1 has hierarchies. */
const MOST_DIRECTORIES = 64;

/** Reads a record of unknown form, as from JSON; undefined where it is none that minibox writes. Pure. */
export function readRecord(value: unknown): CgroupRecord | undefined {
  const record = value as Record<string, unknown> | null;
  if (typeof record !== "object" || record === null) return undefined;
  const { directories, kept } = record;
  if (!arePaths(directories) || directories.length === 0) return undefined;
  if (kept !== undefined && !(arePaths(kept) && kept.every((path) => directories.includes(path))))
    return undefined;
  const common = kept === undefined ? { directories } : { directories, kept };
  if (record.version === 1) return readV1(record, common);
  return record.version === 2 ? readV2(record, common) : undefined;
}

type Common = Pick<CgroupRecord, "directories" | "kept">;

function readV1({ controllers, required }: Record<string, unknown>, common: Common): V1Record | undefined {
  const { directories } = common;
  if (typeof controllers !== "object" || controllers === null) return undefined;
  if (!Object.values(controllers).every((path) => directories.includes(path))) return undefined;
  const isCount =
    Number.isInteger(required) && Number(required) >= 0 && Number(required) <= directories.length;
  return isCount
    ? {
        version: 1,
        ...common,
        controllers: controllers as V1Record["controllers"],
        required: Number(required),
      }
    : undefined;
}

function readV2({ mount, top, makesRoom }: Record<string, unknown>, common: Common): V2Record | undefined {
  const [directory, ...more] = common.directories;
  if (!isPath(mount) || !isPath(top) || directory === undefined || more.length > 0) return undefined;
  if (typeof makesRoom !== "boolean" || !(top === mount || isBelow(top, mount))) return undefined;
  return isBelow(directory, top) ? { version: 2, ...common, mount, top, makesRoom } : undefined;
}

const arePaths = (value: unknown): value is string[] =>
  Array.isArray(value) && value.length <= MOST_DIRECTORIES && value.every(isPath);

/** True for an absolute path that is written in the shortest way, and so leads nowhere but down. */
function isPath(value: unknown): value is string {
  if (typeof value !== "string" || !value.startsWith("/") || value.length > 4096) return false;
  if (value.includes("\0")) return false;
  return value
    .slice(1)
    .split("/")
    .every((name) => name !== "" && name !== "." && name !== "..");
}

const isBelow = (path: string, above: string): boolean => path.startsWith(`${above}/`);

/**
 * Returns the part of a record that is there and is a container's: directories of mounted cgroups with the mark.
 * Undefined where that is nothing.
 */
export function believed(record: CgroupRecord): CgroupRecord | undefined {
  const mounted = readHierarchies();
  if (record.version === 2) return record.mount === mounted.v2?.point ? believedV2(record) : undefined;
  const mounts = new Set(mounted.v1.values());
  const isOwn = (path: string): boolean =>
    [...mounts].some((mount) => isBelow(path, mount)) && isMarked(path) === true;
  const directories = record.directories.filter(isOwn);
  if (directories.length === 0) return undefined;
  const controllers = Object.entries(record.controllers).filter(([, path]) => directories.includes(path));
  const required = record.directories.slice(0, record.required).filter((path) => directories.includes(path));
  return {
    ...record,
    directories,
    controllers: Object.fromEntries(controllers),
    required: required.length,
  };
}

/** A cgroup that is gone is believed in: the room that was made for it may have to be given back. */
const believedV2 = (record: V2Record): V2Record | undefined =>
  isMarked(record.directories[0]!) === false ? undefined : record;

/** Undefined where there is no such directory. */
function isMarked(directory: string): boolean | undefined {
  const mode = tryStat(directory, false)?.mode;
  return mode === undefined ? undefined : (mode & S_ISVTX) !== 0;
}
