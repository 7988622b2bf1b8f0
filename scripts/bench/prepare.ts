// Owns making what the bench needs before it measures: the binary, the rootfs, the bundles, podman's configuration, the
// Go original, and the program that starts Bun twice.

import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { writeBundle } from "./bundle.ts";
import { argsOf, bundleOf, originalOf, type Plan, podmanRootfsOf, rootfsOf, twiceOf } from "./programs.ts";

const REPOSITORY = resolve(import.meta.dir, "../..");

/** Runs a command until it ends. @throws Error with what the command printed, where it fails */
export type Step = (command: readonly string[], cwd?: string) => Promise<void>;

/** Builds ./minibox where the source is newer; returns its path. */
export async function buildMinibox(step: Step): Promise<string> {
  const minibox = `${REPOSITORY}/minibox`;
  const built = statSync(minibox, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = [...new Bun.Glob("src/**").scanSync(REPOSITORY), "package.json", "scripts/build.ts"];
  if (sources.some((file) => statSync(`${REPOSITORY}/${file}`).mtimeMs > built))
    await step([process.execPath, "scripts/build.ts"], REPOSITORY);
  return minibox;
}

/** Fills the work directory. Returns the programs that cannot be measured, and why. */
export async function prepare(plan: Pick<Plan, "work">, step: Step): Promise<Record<string, string>> {
  const skipped: Record<string, string> = {};
  const rootfs = rootfsOf(plan);
  await step([`${REPOSITORY}/scripts/build-rootfs.sh`, "--from", "busybox", rootfs]);
  mkdirSync(`${plan.work}/podman`);
  await step(["cp", "-a", rootfs, podmanRootfsOf(plan)]);
  for (const job of ["true", "sleep"] as const)
    for (const filter of [true, false]) writeBundle(bundleOf(plan, job, filter), rootfs, argsOf(job), filter);
  // podman's default limits are higher than this process's hard limits may be, and could then not be set
  writeFileSync(
    containersConf(plan),
    '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n',
  );
  const twice = [twiceOf(plan), "", `${import.meta.dir}/twice.ts`];
  await step([process.execPath, "scripts/build.ts", ...twice], REPOSITORY);
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
