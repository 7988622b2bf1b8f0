// Owns which seccomp filter a container gets, as far as that costs nothing: the precompiled ones.

import type { SeccompFilter } from "../sync.ts";
import { defaultFilterText } from "./default-filter.ts";
import type { Machine } from "./types.ts";

export const MACHINE: Machine = process.arch === "arm64" ? "aarch64" : "x86_64";

/** The default filter for these capabilities; undefined where it has to be compiled (compile-seccomp.ts). */
export function precompiledFilter(capabilities: readonly string[]): SeccompFilter | undefined {
  const program = defaultFilterText(MACHINE, capabilities);
  return program === undefined ? undefined : { program, flags: 0, listens: false };
}
