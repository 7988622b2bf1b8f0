// Owns making what the bench needs before it measures: the binary, the rootfs, the bundles, podman's configuration, the
// Go original, and the program that starts Bun twice.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { writeBundle } from "./bundle.ts";
import {
  argsOf,
  bundleOf,
  originalOf,
  type Plan,
  phasesOf,
  podmanRootfsOf,
  rootfsOf,
  twiceOf,
} from "./programs.ts";

const REPOSITORY = resolve(import.meta.dir, "../..");

/** Runs a command until it ends. @throws Error with what the command printed, where it fails */
export type Step = (command: readonly string[], cwd?: string) => Promise<void>;

/**
 * Makes the binary to measure: a build of the source, or a copy of `file`. Every program of Bun's that is measured is a file
 * that was just written in one piece: the page cache holds an older file in smaller pieces, which costs some hundred page
 * faults a start.
 */
export async function makeMinibox(to: string, file: string | undefined, step: Step): Promise<void> {
  if (file === undefined) await step([process.execPath, "scripts/build.ts", to], REPOSITORY);
  else writeFileSync(to, readFileSync(file), { mode: 0o755 });
}

/** Fills the work directory. Returns the programs that cannot be measured, and why. */
export async function prepare(
  plan: Pick<Plan, "work" | "phases">,
  step: Step,
): Promise<Record<string, string>> {
  const skipped: Record<string, string> = {};
  const rootfs = rootfsOf(plan);
  await step([`${REPOSITORY}/scripts/build-rootfs.sh`, "--from", "busybox", rootfs]);
  const twice = [twiceOf(plan), "", `${import.meta.dir}/twice.ts`];
  await step([process.execPath, "scripts/build.ts", ...twice], REPOSITORY);
  if (plan.phases) {
    await step([process.execPath, "scripts/build.ts", phasesOf(plan), "--feature=PHASES"], REPOSITORY);
    return {};
  }
  mkdirSync(`${plan.work}/podman`);
  await step(["cp", "-a", rootfs, podmanRootfsOf(plan)]);
  for (const job of ["true", "sleep"] as const)
    for (const filter of [true, false]) writeBundle(bundleOf(plan, job, filter), rootfs, argsOf(job), filter);
  // podman's default limits are higher than this process's hard limits may be, and could then not be set
  writeFileSync(
    containersConf(plan),
    '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n',
  );
  if (Bun.which("go") === null) skipped["Go original"] = "go is not installed";
  else
    await step(["go", "build", "-o", originalOf(plan), `${import.meta.dir}/original/main.go`]).catch(
      (error: Error) => {
        skipped["Go original"] = error.message.replaceAll("\n", " ");
      },
    );
  return skipped;
}

export const containersConf = (plan: Pick<Plan, "work">): string => `${plan.work}/podman/containers.conf`;
