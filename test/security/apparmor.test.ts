// Owns: a container that runs without the AppArmor profile that was named for it. The virtual machine's kernel has AppArmor
// and runs these tests (cgroup-v2.test.ts); a host's kernel may have none.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { SLOWNESS, tryText } from "../support/container.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN, rootfs, run, skipped, skipReason } from "../support/minibox.ts";

setDefaultTimeout(10_000 * SLOWNESS);

/** The name has more bytes than letters, so a write that counts letters would cut it off. */
const PROFILE = "minibox-tést";
/** Allows all that a container does, but for one file and one capability. */
const RULES = `profile ${PROFILE} flags=(attach_disconnected,mediate_deleted) {
  file,
  network,
  signal,
  capability,
  deny /etc/passwd rwklx,
  deny capability chown,
}
`;
const CONFINED = `${PROFILE} (enforce)\n`;
const LABEL = "/proc/self/attr/current";
const flag = ["--security-opt", `apparmor=${PROFILE}`];

const hasAppArmor = tryText("/sys/module/apparmor/parameters/enabled")?.trim() === "Y";
const inMachine = process.env.MINIBOX_TEST_IN_VM !== undefined;
if (inMachine && !hasAppArmor) throw new Error("the virtual machine's kernel must have AppArmor");
const reason = hasAppArmor ? skipReason("apparmor_parser") : skipped("this kernel has no AppArmor");
if (inMachine && reason) throw new Error(reason);

describe.skipIf(reason !== "")(`an AppArmor profile [vm]${reason && `: ${reason}`}`, () => {
  leavesNothing();
  const root = rootfs("busybox");
  const parser = async (action: string) => {
    const { status, stderr } = await execute(["apparmor_parser", action, "--skip-cache"], { stdin: RULES });
    expect([action, status, stderr]).toEqual([action, 0, ""]);
  };
  beforeAll(() => parser("--replace"));
  afterAll(() => parser("--remove"));

  test("is in force for the command, its children and what they execute", async () => {
    const { stdout, stderr } = await run([
      ...flag,
      root,
      "sh",
      "-c",
      `cat ${LABEL}; sh -c 'cat ${LABEL}; (read label <${LABEL}; echo "$label")'; grep NoNewPrivs /proc/self/status`,
    ]);
    expect([stdout, stderr]).toEqual([`${CONFINED.repeat(3)}NoNewPrivs:\t1\n`, ""]);
  });

  // without the profile the container may do what the profile denies
  const script = `cat ${LABEL}; head -c 4 /etc/passwd; chown 7 /tmp && echo chowned; echo unconfined >${LABEL}; cat ${LABEL}`;

  test("denies what it denies, and is not left again", async () => {
    const { stdout, stderr } = await run([...flag, "--overlay", root, "sh", "-c", script]);
    expect(stdout).toBe(CONFINED.repeat(2));
    expect(stderr).toMatch(/passwd: Permission denied/);
    expect(stderr).toMatch(/chown.*Operation not permitted/);
    const free = await run(["--overlay", root, "sh", "-c", script]);
    expect(free.stdout).toStartWith("unconfined\nrootchowned\n");
  });

  test("is in force with --init, for another user, and without no_new_privs or seccomp", async () => {
    for (const flags of [
      ["--init"],
      ["-u", "1000:1000"],
      ["--security-opt", "no-new-privileges=false", "--security-opt", "seccomp=unconfined"],
    ]) {
      const { stdout, stderr } = await run([...flag, ...flags, root, "sh", "-c", `cat ${LABEL} /etc/passwd`]);
      expect([flags, stdout]).toEqual([flags, CONFINED]);
      expect(stderr).toMatch(/passwd'?: Permission denied/);
    }
  });

  test("is in the attestation", async () => {
    const attested = async (...flags: string[]) =>
      JSON.parse((await run(["--attest", "-", ...flags, root, "true"])).stdout).apparmorProfile;
    expect(await attested()).toBe("unconfined");
    expect(await attested(...flag)).toBe(`${PROFILE} (enforce)`);
  });

  test("that is not loaded is told, also where the list of profiles cannot be seen", async () => {
    const words = ["--security-opt", "apparmor=minibox-no-such", root, "echo", "ran"];
    const { status, stdout, stderr } = await run(words);
    expect([status, stdout]).toEqual([125, ""]);
    expect(stderr).toStartWith("minibox: the AppArmor profile minibox-no-such is not loaded\n");
    const hidden = 'umount /sys/kernel/security; exec "$0" "$@"';
    const blind = await execute(["unshare", "-m", "sh", "-c", hidden, ...RUN, ...words]);
    expect([blind.status, blind.stdout]).toEqual([125, ""]);
    expect(blind.stderr).toMatch(/^minibox: set the AppArmor profile minibox-no-such.*ENOENT/);
    expect(blind.stderr).toContain("no profile of that name is loaded");
  });
});
