// Processes of the host's: a container must not see, signal, trace or read them (pid_namespaces(7), ptrace(2)).

import { beforeAll, expect, test } from "bun:test";
import { attackRootfs } from "../support/attack.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, run } from "../support/minibox.ts";
import { LOOK, SCAN } from "../support/programs.ts";

leavesNothing();

let root: ReturnType<typeof attackRootfs>;
beforeAll(() => {
  root = attackRootfs({ look: LOOK, scan: SCAN });
});

test("without a pid namespace all of the host's are there", async () => {
  const script = 'mount -t proc proc "$0/proc" && exec chroot "$0" /look';
  const { stdout } = await execute(["unshare", "-m", "sh", "-c", script, root.path]);
  expect(stdout).not.toContain("seen 0");
  expect(stdout).not.toContain("traced 0");
  expect(stdout).not.toContain("read 0");
});

test("a container sees itself alone, and has no parent that it could name", async () => {
  for (const flags of [[], ["--network", "host"], ["-q", "--cap-add", "ALL"]])
    expect((await run([...flags, root.path, "/look"])).stdout).toBe(
      "pid 1 ppid 0 seen 0 signalled 0 traced 0 read 0\n",
    );
});

test("minibox as PID 1 is the container's own, to be traced and read, and holds nothing of the caller's", async () => {
  const { stdout } = await run(["--init", root.path, "/look"]);
  expect(stdout).toBe("pid 0 ppid 1 seen 1 signalled 1 traced 1 read 1\n");
  const env = { ...process.env, SECRET: "caller-secret" };
  const scan = async (...words: string[]) =>
    (await run(["--init", root.path, "/scan", ...words], { env })).stdout;
  // the text is given in two parts, since the command's own words are in that memory too
  expect(await scan("caller", "-secret")).toBe("0\n");
  expect(await scan("HOST", "NAME=")).not.toBe("0\n");
});

test("a kill of all ends the container's own, and nobody else", async () => {
  const bystander = Bun.spawn(["sleep", "60"]);
  const { stdout } = await run([root.path, "/bin/sh", "-c", "sleep 60 & kill -9 -1; wait; echo on"]);
  expect(stdout).toBe("on\n");
  expect(bystander.exitCode).toBeNull();
  bystander.kill();
});
