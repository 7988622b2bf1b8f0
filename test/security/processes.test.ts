// Owns: processes of the host's seen, signalled, traced or read from inside (pid_namespaces(7), ptrace(2)).

import { afterAll, beforeAll, expect, test } from "bun:test";
import { attackRootfs } from "../support/attack.ts";
import { execute, run } from "../support/minibox.ts";
import { LOOK } from "../support/programs.ts";

/** How often the memory of PID 1 holds a text, given in two parts. */
const SCAN = `#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int n, char **v) {
  char text[100], line[512], way;
  unsigned long from, to, found = 0;
  int memory = open("/proc/1/mem", O_RDONLY);
  FILE *maps = fopen("/proc/1/maps", "r");
  if (memory < 0 || !maps) return 1;
  snprintf(text, sizeof text, "%s%s", v[1], v[2]);
  static char part[1 << 20];
  while (fgets(line, sizeof line, maps)) {
    if (sscanf(line, "%lx-%lx %c", &from, &to, &way) != 3 || way != 'r') continue;
    for (; from < to; from += sizeof part - 128) {
      ssize_t got = pread(memory, part, to - from < sizeof part ? to - from : sizeof part, from);
      if (got <= 0) continue;
      for (char *at = part; (at = memmem(at, part + got - at, text, strlen(text))); at++) found++;
    }
  }
  printf("%lu\\n", found);
  return 0;
}`;

let root: ReturnType<typeof attackRootfs>;
beforeAll(() => {
  root = attackRootfs({ look: LOOK, scan: SCAN });
});
afterAll(() => root.remove());

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
  // in two parts, for the words of the command are in there
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
