// Owns what each mount of a spec comes to: numbers and strings as the mount calls take them. The parent works them out,
// and the child carries them out without a look at the spec's words.

import { MS } from "../sys/constants.ts";
import { isBindMount, type ParsedOptions, parseOptions } from "./mount-options.ts";
import type { Mount, Spec } from "./types.ts";

/** One of the spec's mounts. */
export interface MountOperation extends ParsedOptions {
  destination: string;
  source?: string | undefined;
  type?: string | undefined;
  isBind: boolean;
  /** a bind's tie to the host's mount that it copies (sys/propagation.ts) */
  tie?: "slave" | "shared" | undefined;
  /** the options as the spec has them, for what is said about the mount: " (ro,nosuid)"; "" for none */
  shown: string;
}

/** The spec's mounts, in its order. Pure. */
export function mountOperations({ mounts = [], linux: { mountLabel } }: Spec): MountOperation[] {
  const operations: MountOperation[] = [];
  for (const mount of mounts) operations.push(mountOperation(mount, mountLabel));
  return operations;
}

/**
 * What one mount comes to, with the SELinux label for everything on a file system of the container's own (mount(8),
 * "context="). Pure.
 */
export function mountOperation(
  { destination, source, type, options = [] }: Mount,
  label?: string,
): MountOperation {
  const parsed = parseOptions(options);
  const isBind = isBindMount(type, options);
  if (label && !isBind && (type === "tmpfs" || type === "devpts"))
    parsed.data += `${parsed.data ? "," : ""}context="${label}"`;
  const shown = options.length > 0 ? ` (${options.join(",")})` : "";
  return { ...parsed, destination, source, type, isBind, tie: isBind ? tieOf(parsed) : undefined, shown };
}

const tieOf = ({ propagation }: ParsedOptions): "slave" | "shared" | undefined =>
  propagation & MS.MS_SLAVE ? "slave" : propagation & MS.MS_SHARED ? "shared" : undefined;
