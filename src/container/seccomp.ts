// Owns which seccomp filter a container gets, as far as that costs nothing: the precompiled ones.

import { defaultFilterText } from "../seccomp/default-filter.ts";
import type { Machine } from "../seccomp/types.ts";
import type { SeccompFilter } from "../sync.ts";

export const MACHINE: Machine = process.arch === "arm64" ? "aarch64" : "x86_64";

/** The default filter for these capabilities; undefined where it has to be compiled (compile-seccomp.ts). */
export function precompiledFilter(capabilities: readonly string[]): SeccompFilter | undefined {
  const program = defaultFilterText(MACHINE, capabilities);
  return program === undefined ? undefined : { program, flags: 0, listens: false };
}
