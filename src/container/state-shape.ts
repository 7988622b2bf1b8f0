// Owns how far a state file is believed: whoever can write it may have put anything into it. A text with a field of a wrong
// type or range is no state at all.

import { readRecord } from "../cgroup/record.ts";
import { parseOwn } from "../json.ts";
import { isObject } from "../spec/check.ts";
import type { State } from "./types.ts";

/** PID_MAX_LIMIT of linux/threads.h, below which all pids are. A container's first process is never minibox's PID 1. */
const PIDS = { least: 2, below: 2 ** 22 };

/** Reads the state of the container with this id; undefined where the text is none. Fields not known here are dropped. */
export function parseState(text: string, id: string): State | undefined {
  let value: unknown;
  try {
    value = parseOwn(text);
  } catch {
    return undefined; // no JSON, or nested so deeply that the parser gives up
  }
  if (!isObject(value) || value.id !== id) return undefined;
  const { status, owner, pid, startTime, created, bundle, spec } = value;
  if (status !== "creating" && status !== "created" && status !== "running") return undefined;
  if (owner !== "supervisor" && owner !== "caller") return undefined;
  if (!isWhole(pid) || pid < PIDS.least || pid >= PIDS.below) return undefined;
  if (!isWhole(startTime) || !isWhole(created) || !isAbsolute(bundle)) return undefined;
  if (!isSpec(spec)) return undefined;
  const cgroup = value.cgroup === undefined ? undefined : readRecord(value.cgroup);
  if (value.cgroup !== undefined && cgroup === undefined) return undefined;
  return { id, status, owner, pid, startTime, created, cgroup, bundle, spec };
}

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

const isText = (value: unknown): value is string => typeof value === "string" && !value.includes("\0");

const isAbsolute = (value: unknown): value is string => isText(value) && value.startsWith("/");

/** Checks what commands read of a recorded spec. `start` validates all of it before it explains a failure. */
function isSpec(spec: unknown): spec is State["spec"] {
  if (!isObject(spec) || !isText(spec.ociVersion)) return false;
  const { root, process, linux, annotations = {} } = spec;
  if (!isObject(root) || !isAbsolute(root.path) || !isObject(process) || !isObject(linux)) return false;
  return isObject(annotations) && Object.values(annotations).every(isText);
}
