// Names and contents of files in a rootfs that would control a terminal: minibox explains with them what is wrong, and
// they do nothing.

import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { decode } from "../../../src/sys/bytes.ts";
import { makeElf } from "../../support/elf.ts";
import { makeRoot, reason } from "../../support/explain.ts";
import {
  bytes,
  forShell,
  HOSTILE,
  HOSTILE_LINE,
  harmIn,
  SHOWN,
  type Told,
  tell,
  told,
} from "../../support/hostile.ts";

setDefaultTimeout(30_000);
const { scratch, root } = makeRoot();

/** EM_AARCH64 or EM_X86_64 */
const machine = process.arch === "arm64" ? 183 : 62;

function program(path: string, content: string | Uint8Array, mode = 0o755): void {
  const file = bytes(`${root}${path}`);
  writeFileSync(file, typeof content === "string" ? bytes(content) : content);
  chmodSync(file, mode);
}

const link = (path: string, target: string): void => symlinkSync(bytes(target), bytes(`${root}${path}`));

beforeAll(() => {
  if (reason) return;
  mkdirSync(bytes(`${root}/dir${HOSTILE}`));
  program("/bin/script", `#!/${HOSTILE_LINE}\n`);
  program("/bin/windows", `#!/bin/${HOSTILE_LINE}\r\n`);
  program("/bin/inner", `#!/bin/script${HOSTILE_LINE}\n`);
  program(`/bin/script${HOSTILE_LINE}`, `#!/none\n`);
  program(`/bin/mode${HOSTILE}`, "#!/bin/sh\n", 0o644);
  program(`/bin/empty${HOSTILE}`, "");
  program(`/bin/mark${HOSTILE}`, "\ufeff#!/bin/sh\n");
  program(`/bin/near${HOSTILE}`, "#!/bin/sh\n");
  program("/bin/loader", makeElf({ machine, loader: `/lib/${HOSTILE}` }));
  program("/bin/library", makeElf({ machine, loader: "/lib64/ld-linux-x86-64.so.2", needed: [HOSTILE] }));
  writeFileSync(`${scratch}/long`, bytes(`${HOSTILE_LINE}=${"x".repeat(140_000)}\n`));
  link("/bin/link", `/none/${HOSTILE}`);
  link("/bin/outer", `${root}/bin/mode${HOSTILE}`);
  link("/bin/circle", `/bin/circle${HOSTILE}`);
  link(`/bin/circle${HOSTILE}`, "/bin/circle");
  writeFileSync(`${root}/etc/passwd`, bytes(`bad:x:${HOSTILE_LINE}:0::/:\nroot:x:0:0::/:\n`));
  writeFileSync(`${root}/etc/group`, bytes(`bad:x:${HOSTILE_LINE}:\n`));
});

const harmless = ({ stdout, stderr }: Told): void => {
  expect(harmIn(stdout + stderr)).toEqual([]);
  expect(stderr).toMatch(/^minibox: [^\n]+\n(?: {2}[^\n]+\n)*$/);
  expect(stderr).toMatch(SHOWN);
};

describe.skipIf(reason !== "")("what keeps a command from starting is told, with a hostile", () => {
  test.each([
    ["name that is not on the PATH", [HOSTILE]],
    ["name with blanks", [`true ${HOSTILE}`]],
    ["first of several words in one", [`near${HOSTILE} -l`]],
    ["path", [`/bin/${HOSTILE}`]],
    ["path below a file", [`/bin/mode${HOSTILE}/x`]],
    ["directory that is missing", [`/${HOSTILE}/x`]],
    ["directory as the command", [`/dir${HOSTILE}`]],
    ["interpreter of a script", ["/bin/script"]],
    ["interpreter with a Windows line end", ["/bin/windows"]],
    ["script as an interpreter", ["/bin/inner"]],
    ["file without an x bit", [`/bin/mode${HOSTILE}`]],
    ["empty file", [`/bin/empty${HOSTILE}`]],
    ["script behind a byte order mark", [`/bin/mark${HOSTILE}`]],
    ["name that is almost this one", [`/bin/neat${HOSTILE}`]],
    ["link's target", ["/bin/link"]],
    ["link's target on the host", ["/bin/outer"]],
    ["link in a circle", ["/bin/circle"]],
    ["loader of an ELF program", ["/bin/loader"]],
    ["library of an ELF program", ["/bin/library"]],
  ])("%s", async (_, words) => {
    const result = await told(["run", root, ...words]);
    harmless(result);
    expect([126, 127]).toContain(result.status);
  });

  test.each([
    ["PATH", ["-e", `PATH=/${HOSTILE}`], "nonesuch"],
    ["PATH that is empty, and directory", ["-e", "PATH=", "-w", `/dir${HOSTILE}`], "nonesuch"],
    ["working directory for a relative path", ["-w", `/dir${HOSTILE}`], "./nonesuch/x"],
    ["mount without exec", ["--tmpfs", `/dir${HOSTILE}`, "-w", `/dir${HOSTILE}`], "./x"],
    ["variable that is too long", ["--env-file", `${scratch}/long`], "true"],
  ])("%s", async (_, flags, command) => {
    harmless(await told(["run", ...flags, root, command]));
  });

  test.each([
    ["id of a user", "bad"],
    ["id of a group", "0:bad"],
  ])("%s", async (_, user) => {
    const result = await told(["run", "-u", user, root, "true"]);
    harmless(result);
    expect(result.status).toBe(125);
  });
});

describe.skipIf(reason !== "")("the path of the rootfs", () => {
  test("is told, and its hints are commands that a shell understands", async () => {
    const place = `${root}/dir${HOSTILE}`;
    mkdirSync(bytes(`${place}/bin`));
    writeFileSync(bytes(`${place}/bin/x`), "#!/bin/sh\n", { mode: 0o644 });
    const result = await told(["run", place, "/bin/x"]);
    harmless(result);
    const [, command] = /chmod \S+ (.*)\n/.exec(result.stderr)!;
    const { stdout } = Bun.spawnSync(["bash", "-c", `printf %s ${command}`]);
    expect(decode(stdout)).toBe(`${place}/bin/x`);
  });

  test("is in the trace, with all other words, as its bytes", async () => {
    const place = `${root}/dir${HOSTILE}`;
    const cgroup = `${HOSTILE_LINE}${crypto.randomUUID()}`;
    const result = await told([
      "run",
      "--trace",
      ...["--mount", `type=tmpfs,destination=/${HOSTILE}`],
      ...["-w", `/${HOSTILE}`],
      ...["--cgroup-parent", cgroup],
      place,
      `/bin/${HOSTILE}`,
      HOSTILE,
    ]);
    // a parent that was named stays
    const left = `/sys/fs/cgroup/{*/,}${forShell(cgroup)}`;
    await tell(["true"], { before: `rmdir ${left}/minibox ${left} 2>/dev/null` });
    expect(harmIn(result.stdout + result.stderr)).toEqual([]);
    expect(result.stderr).toMatch(/\nparent {3}mkdirat\(AT_FDCWD, "[^"]+\/\\x9b2J\\x1b\]0;x/);
    expect(result.stderr).toMatch(/\nchild {4}mkdirat\(\d+, "\\x9b2J\\x1b\]0;x/);
    for (const line of result.stderr.trimEnd().split("\n"))
      expect(line).toMatch(/^(parent|child |minibox:| )/);
  });

  test("does not keep the container's own output from passing as it is", async () => {
    const text = await told(["run", root, "sh", "-c", 'printf %s "$1"; printf %s "$1" >&2', "sh", HOSTILE]);
    expect(text).toEqual({ status: 0, stdout: HOSTILE, stderr: HOSTILE });
  });
});
