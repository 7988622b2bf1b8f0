// Namespaces by path and new ones, entered for real by a process of its own.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readlinkSync } from "node:fs";
import type { Namespace } from "../../../src/spec/types.ts";
import { CHILD_ENVIRONMENT } from "../../../src/sync.ts";
import { skipReason } from "../../support/minibox.ts";

const SRC = `${import.meta.dir}/../../../src`;
const ENV = Object.fromEntries(CHILD_ENVIRONMENT.map((entry) => entry.split("=") as [string, string]));
const reason = skipReason("unshare");

/** A process that has namespaces of its own. */
let other: Bun.Subprocess<"ignore", "pipe", "inherit">;
let pid = 0;
beforeAll(async () => {
  if (reason) return;
  const script = "readlink /proc/self/ns/pid; exec sleep 600";
  const words = ["unshare", "--fork", "--kill-child", "--pid", "--net", "--ipc", "--uts", "--time"];
  other = Bun.spawn([...words, "sh", "-c", script], { stdin: "ignore", stdout: "pipe" });
  await other.stdout.getReader().read(); // it is inside once it says something
  pid = Number(await Bun.file(`/proc/${other.pid}/task/${other.pid}/children`).text());
});
afterAll(async () => {
  other?.kill("SIGKILL");
  await other?.exited;
});

const FILES = { network: "net", ipc: "ipc", uts: "uts", time: "time", pid: "pid" } as const;
type Kind = keyof typeof FILES;
const at = (type: Kind): Namespace => ({ type, path: `/proc/${pid}/ns/${FILES[type]}` });
const idOf = (process: number | "self", type: Kind): string =>
  readlinkSync(`/proc/${process}/ns/${FILES[type]}`);

const runScript = (script: string): { stdout: string; stderr: string } => {
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", script], { env: ENV });
  return { stdout: stdout.toString().trim(), stderr: stderr.toString() };
};

/** Where a process is once it has entered these; its error, where it has one. */
function enter(namespaces: readonly Namespace[]): Record<Kind, string> & { error?: string } {
  const { stdout } = runScript(`
    import { enterNamespaces } from "${SRC}/child/namespaces.ts";
    import { defaultSpec } from "${SRC}/spec/default.ts";
    import { readlink } from "${SRC}/sys/directory.ts";
    const spec = defaultSpec("/", ["true"]);
    const said = {};
    spec.linux = { namespaces: ${JSON.stringify(namespaces)} };
    try { enterNamespaces(spec); }
    catch (error) { said.error = error.message }
    for (const [type, file] of Object.entries(${JSON.stringify(FILES)}))
      said[type] = readlink("/proc/thread-self/ns/" + file);
    console.log(JSON.stringify(said));`);
  return JSON.parse(stdout);
}

describe.skipIf(reason !== "")("namespaces", () => {
  test("with a path are joined, without one they are new, the others stay", () => {
    const said = enter([{ type: "uts" }, at("network")]);
    expect(said.error).toBeUndefined();
    expect(said.network).toBe(idOf(pid, "network"));
    expect(said.ipc).toBe(idOf("self", "ipc"));
    expect([idOf("self", "uts"), idOf(pid, "uts")]).not.toContain(said.uts);
  });

  test("are joined whatever their order in the object", () => {
    const kinds: Kind[] = ["uts", "ipc", "network"];
    for (const order of [kinds, kinds.toReversed()]) {
      const said = enter(order.map(at));
      for (const kind of kinds) expect(said[kind]).toBe(idOf(pid, kind));
    }
  });

  test("of another type than is said are refused, by their field", () => {
    const path = `/proc/${pid}/ns/ipc`;
    expect(enter([at("uts"), { type: "network", path }]).error).toBe(
      `linux.namespaces[1].path: ${path} is no namespace of the type network`,
    );
    expect(enter([{ type: "ipc", path: "/etc/passwd" }]).error).toBe(
      "linux.namespaces[0].path: /etc/passwd is no namespace of the type ipc",
    );
    expect(enter([at("uts"), { type: "ipc", path: "/missing" }]).error).toContain("linux.namespaces[1].path");
  });
});

describe.skipIf(reason !== "")("a program started in a pid namespace", () => {
  /** Where it runs; this process itself is back in its own afterwards. */
  const startIn = (joined: string): string[] => {
    const { stdout, stderr } = runScript(`
      import { open } from "${SRC}/sys/file.ts";
      import { wait } from "${SRC}/sys/process.ts";
      import { spawnInPidNamespace, trySpawn } from "${SRC}/sys/spawn.ts";
      const own = open("/proc/self/ns/pid", 0);
      const words = ["readlink", "/proc/self/ns/pid"];
      wait(spawnInPidNamespace(${joined}, own, "/usr/bin/readlink", words, []));
      wait(trySpawn("/usr/bin/readlink", words, []));`);
    expect(stderr).toBe("");
    return stdout.split("\n");
  };

  test("is in a new one, or in the one that is given, and the next one is not", () => {
    const own = idOf("self", "pid");
    const fresh = startIn("-1");
    expect(fresh[1]).toBe(own);
    expect([own, idOf(pid, "pid")]).not.toContain(fresh[0]!);
    expect(startIn(`open("/proc/${pid}/ns/pid", 0)`)).toEqual([idOf(pid, "pid"), own]);
  });
});
