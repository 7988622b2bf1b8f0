// Owns bundles for tests: each is made from one small config.json that the test changes, and becomes a container through
// `minibox create --bundle`.

import { expect } from "bun:test";
import { closeSync, mkdirSync, openSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tryText, uniqueName, until } from "./container.ts";
import { execute, MINIBOX, type Result, ROOT, rootfs, scratchDirectory } from "./minibox.ts";

/** A config.json with nothing in it that it could go without. */
export const BASE = {
  ociVersion: "1.0.2",
  process: { args: ["true"], cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } },
  root: { path: "rootfs" },
  mounts: [
    { destination: "/proc", type: "proc", source: "proc" },
    { destination: "/dev", type: "tmpfs", source: "tmpfs" },
  ],
  linux: { namespaces: [{ type: "pid" }, { type: "mount" }] as { type: string; path?: string }[] },
};

export type Change = (config: typeof BASE) => object;

/** Runs `minibox WORDS…` with the test file's own state directory. */
export const minibox = (...words: string[]): Promise<Result> => execute([MINIBOX, "--root", ROOT, ...words]);

export interface Created {
  name: string;
  status: number;
  /** the file with everything that minibox and the container write to stdout and stderr */
  output: string;
}

/** Makes a bundle whose root.path is relative, and creates its container; `wrapper` is words to put in front. */
export async function create(change: Change, wrapper: readonly string[] = []): Promise<Created> {
  const bundle = join(scratchDirectory(), "bundle");
  mkdirSync(bundle);
  symlinkSync(rootfs("busybox"), join(bundle, "rootfs"));
  writeFileSync(join(bundle, "config.json"), JSON.stringify(change(structuredClone(BASE))));
  return createFrom(bundle, wrapper);
}

/** Creates the container of a bundle that is there. */
export async function createFrom(bundle: string, wrapper: readonly string[] = []): Promise<Created> {
  const name = uniqueName();
  const output = join(bundle, "output");
  const fd = openSync(output, "a");
  const child = Bun.spawn([...wrapper, MINIBOX, "--root", ROOT, "create", "--bundle", bundle, name], {
    stdin: "ignore",
    stdout: fd,
    stderr: fd,
  });
  closeSync(fd);
  return { name, status: await child.exited, output };
}

/** Runs a shell script in the container of a changed bundle to its end; returns what it wrote. */
export async function runs(script: string, change: Change = (config) => config): Promise<string> {
  const { name, status, output } = await create((config) => {
    config.process.args = ["sh", "-c", script];
    return change(config);
  });
  expect([status, tryText(output)]).toEqual([0, ""]);
  expect(await minibox("start", name)).toEqual({ status: 0, stdout: "", stderr: "" });
  const hasEnded = async (): Promise<boolean> => (await minibox("state", name)).stdout.includes('"stopped"');
  await until("it has ended", hasEnded);
  expect((await minibox("delete", name)).status).toBe(0);
  return tryText(output) ?? "";
}

/** What is said of a changed bundle that is refused, without the name of its file. */
export async function refusal(change: Change): Promise<string> {
  const { name, status, output } = await create(change);
  expect([status, (await minibox("state", name)).status]).toEqual([125, 125]);
  return (tryText(output) ?? "").replace(/^minibox: \S+\/config\.json: /, "");
}
