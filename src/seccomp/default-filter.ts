// The default profile's filters, precompiled: what a start needs loads neither the compiler nor its tables.

import { FILTERS } from "./default-filter-data.ts";
import type { Machine } from "./types.ts";

// The capabilities that default-profile.ts has rules for, but for CAP_SYS_CHROOT: with one of them the filter is
// another. Repeated here because importing them would load the profile; a test compares the two.
const OTHER = [
  "CAP_BPF",
  "CAP_DAC_READ_SEARCH",
  "CAP_PERFMON",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_MODULE",
  "CAP_SYS_NICE",
  "CAP_SYS_PACCT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_SYSLOG",
];

/**
 * The default filter for a bounding set, as an array of struct sock_filter in base64; undefined where the set brings
 * calls that no precompiled filter has, and resolveProfile(DEFAULT_PROFILE) has to be compiled.
 */
export function defaultFilterText(machine: Machine, caps: readonly string[]): string | undefined {
  for (const cap of caps) if (OTHER.includes(cap)) return undefined;
  return caps.includes("CAP_SYS_CHROOT") ? FILTERS[`${machine}_chroot`] : FILTERS[machine];
}

/** The same as bytes. */
export function defaultFilter(machine: Machine, caps: readonly string[]): Uint8Array | undefined {
  const text = defaultFilterText(machine, caps);
  return text === undefined ? undefined : Uint8Array.fromBase64(text);
}
