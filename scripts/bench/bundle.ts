// Owns the OCI bundle that runc and crun run: what minibox does by default, so that no side is charged for a feature
// the other leaves out.

import { mkdirSync, writeFileSync } from "node:fs";
import { defaultSeccomp } from "../../src/seccomp/default-filter.ts";
import { DEFAULT_CAPABILITIES, DEFAULT_PATH, defaultSpec } from "../../src/spec/default.ts";
import { cgroupVersion } from "./procfs.ts";

/** Writes a bundle around a root that is there already; `filter`: with the seccomp filter, as docker gives it. */
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
    // the youngest that the peers in a distribution know
    ociVersion: "1.0.2",
    process: { ...process, terminal: false, env: [`PATH=${DEFAULT_PATH}`] },
    // minibox leaves this one out on cgroup v1, where it would be one mount for each controller
    mounts: mounts?.filter(({ type }) => type !== "cgroup" || cgroupVersion() === "v2"),
    linux: { ...linux, ...(filter ? { seccomp: defaultSeccomp(DEFAULT_CAPABILITIES) } : {}) },
  };
}
