// Capabilities that the command must not get: the caller's inheritable or ambient ones, those of a file in the image
// (CVE-2022-24769), and more than were asked for.

import { beforeAll, expect, test } from "bun:test";
import { attackRootfs } from "../support/attack.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN, run } from "../support/minibox.ts";

leavesNothing();

const DEFAULT = "00000000a80425fb";
const NONE = "0000000000000000";

let root: ReturnType<typeof attackRootfs>;
beforeAll(() => {
  root = attackRootfs();
});

const SETS = ["/bin/grep", "-E", "^Cap", "/proc/self/status"];
const setsOf = (stdout: string): Record<string, string> =>
  Object.fromEntries(
    stdout
      .trim()
      .split("\n")
      .map((line) => line.split(":\t") as [string, string]),
  );

test("a container has docker's capabilities, and none to pass on", async () => {
  const { stdout } = await run([root.path, ...SETS]);
  expect(setsOf(stdout)).toEqual({
    CapInh: NONE,
    CapPrm: DEFAULT,
    CapEff: DEFAULT,
    CapBnd: DEFAULT,
    CapAmb: NONE,
  });
});

test("another user than root has none, and no more within reach than root", async () => {
  const { stdout } = await run(["-u", "1000", root.path, ...SETS]);
  expect(setsOf(stdout)).toEqual({ CapInh: NONE, CapPrm: NONE, CapEff: NONE, CapBnd: DEFAULT, CapAmb: NONE });
});

test("what the caller would pass on to any program it starts stops at minibox", async () => {
  const caller = ["setpriv", "--inh-caps", "+net_admin,+sys_time", "--ambient-caps", "+net_admin,+sys_time"];
  const control = await execute([...caller, "grep", "CapAmb", "/proc/self/status"]);
  expect(control.stdout).not.toContain(NONE);
  for (const user of ["0", "1000"]) {
    const { stdout } = await execute([...caller, ...RUN, "-u", user, root.path, ...SETS]);
    expect(setsOf(stdout)).toMatchObject({ CapInh: NONE, CapAmb: NONE, CapBnd: DEFAULT });
  }
});

test("a file's capabilities give no user what is outside the bounding set, nor anything under no_new_privs", async () => {
  const set = await execute(["setcap", "cap_net_admin,cap_chown+ep", `${root.path}/bin/busybox`]);
  expect(set.status).toBe(0);
  const open = ["-u", "1000", "--security-opt", "no-new-privileges=false"];
  // the bounding set lacks the capability, and execve fails for a file that demands one which the process cannot get
  expect((await run([...open, root.path, ...SETS])).status).not.toBe(0);
  const control = await run([...open, "--cap-add", "net_admin", root.path, ...SETS]);
  expect(setsOf(control.stdout).CapEff).toBe("0000000000001001");
  // this one is in the bounding set, so only no_new_privs keeps it away
  await execute(["setcap", "cap_chown+ep", `${root.path}/bin/busybox`]);
  expect(setsOf((await run([...open, root.path, ...SETS])).stdout).CapEff).toBe("0000000000000001");
  const { stdout } = await run(["-u", "1000", root.path, ...SETS]);
  expect(setsOf(stdout)).toMatchObject({ CapPrm: NONE, CapEff: NONE });
  await execute(["setcap", "-r", `${root.path}/bin/busybox`]);
});

test("dropping and adding end in exactly what was asked for", async () => {
  const sets = async (...flags: string[]) => setsOf((await run([...flags, root.path, ...SETS])).stdout);
  expect(await sets("--cap-drop", "ALL")).toMatchObject({ CapPrm: NONE, CapEff: NONE, CapBnd: NONE });
  expect(await sets("--cap-drop", "ALL", "--cap-add", "chown")).toMatchObject({
    CapPrm: "0000000000000001",
    CapBnd: "0000000000000001",
  });
});

test("a capability that minibox lacks itself is refused by name, and gone without by ALL", async () => {
  const limited = ["setpriv", "--bounding-set", "-sys_time", ...RUN];
  const refused = await execute([...limited, "--cap-add", "SYS_TIME", root.path, "/bin/true"]);
  expect(refused).toEqual({
    status: 125,
    stdout: "",
    stderr: "minibox: the capability CAP_SYS_TIME cannot be given: minibox itself does not have it here\n",
  });
  const all = await execute([...limited, "--cap-add", "ALL", root.path, ...SETS]);
  expect(all.stderr).toMatch(/^minibox: the container does not get CAP_.*SYS_TIME.*: minibox itself/);
  expect(Number.parseInt(setsOf(all.stdout).CapEff!, 16) & (1 << 25)).toBe(0);
  const few = ["setpriv", "--bounding-set", "-chown", ...RUN];
  const usual = await execute([...few, root.path, ...SETS]);
  expect(usual.stderr).toBe(
    "minibox: the container does not get CAP_CHOWN: minibox itself does not have it here\n",
  );
  expect(usual.status).toBe(0);
});
