// Owns the OCI bundle that runc and crun run. It asks for what minibox does by default, so that no program is slower
// because of a feature that another one leaves out.

import { mkdirSync, writeFileSync } from "node:fs";
import { defaultSeccomp } from "../../src/seccomp/default-filter.ts";
import { DEFAULT_CAPABILITIES, DEFAULT_PATH, defaultSpec } from "../../src/spec/default.ts";

/** Writes a bundle for a rootfs that exists already. `filter`: with docker's seccomp filter. */
export function writeBundle(
  directory: string,
  rootfs: string,
  args: readonly string[],
  filter: boolean,
): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(`${directory}/config.json`, JSON.stringify(config(rootfs, args, filter), null, 2));
}

function config(rootfs: string, args: readonly string[], filter: boolean): object {
  const { mounts, linux, process, ...rest } = defaultSpec(rootfs, [...args]);
  return {
    ...rest,
    // the newest version that the distributions' runc and crun know
    ociVersion: "1.0.2",
    process: { ...process, terminal: false, env: [`PATH=${DEFAULT_PATH}`] },
    mounts,
    linux: { ...linux, ...(filter ? { seccomp: defaultSeccomp(DEFAULT_CAPABILITIES) } : {}) },
  };
}
