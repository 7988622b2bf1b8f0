// A kernel, an outer container or a security module may refuse any one step of making a container. Then either nothing
// runs and one line says why, or the container is confined as it would be otherwise.

import { beforeAll, expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Attestation } from "../../src/attest/index.ts";
import { VERSION } from "../support/cgroups.ts";
import { denying, NUMBERS } from "../support/deny.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, RUN, rootfs, scratchDirectory, skipReason } from "../support/minibox.ts";

leavesNothing();

const reason = skipReason("cc");
const EPERM = 1;
const ENOSYS = 38;

const scratch = scratchDirectory();
const file = join(scratch, "posture.json");
const words = [
  ...RUN,
  "--attest",
  file,
  "--pids-limit",
  "20",
  "-u",
  "1000:1000",
  rootfs("busybox"),
  "echo",
  "ran",
];

/** The parts of an attestation that must not change. Inodes do change, and the filter that denies is counted as well. */
function confinement(): unknown {
  const posture = JSON.parse(readFileSync(file, "utf8")) as Attestation;
  const own = Object.entries(posture.namespaces).map(([name, namespace]) => [name, namespace.own]);
  const { capabilities, noNewPrivileges, user, root, maskedPaths, readonlyPaths, cgroup } = posture;
  // where mknod is refused, the host's own node is bound over an empty file: one more mount, and no more rights
  const isNode = (path: string) => /^\/dev\/(null|zero|full|random|urandom|tty)$/.test(path);
  const places = posture.mounts.filter(({ destination }) => !isNode(destination));
  const mounts = places.map(({ destination, options }) => [destination, options]);
  return {
    own,
    capabilities,
    noNewPrivileges,
    user,
    root,
    mounts,
    maskedPaths: maskedPaths.toSorted(),
    readonlyPaths: readonlyPaths.toSorted(),
    pids: cgroup["pids.max"],
    devices: cgroup["devices.list"],
    seccomp: posture.seccomp.mode,
  };
}

let whole: unknown;
beforeAll(async () => {
  if (reason) return;
  expect((await execute(words)).stdout).toBe("ran\n");
  whole = confinement();
});

/** Refusals with which a container must still run: it can do without a keyring of its own, without the types of file
 *  systems, with bound nodes in place of made ones, and on cgroup v1 without a BPF program. */
const SPARED = ["keyctl EPERM", "keyctl ENOSYS", "statfs EPERM", "statfs ENOSYS", "mknodat EPERM"];
if (VERSION === "v1") SPARED.push("bpf EPERM", "bpf ENOSYS");

const count = { ran: 0, refused: 0 };

// prlimit64 is not among them: without it the JavaScript engine does not start.
const steps = Object.keys(NUMBERS).flatMap((name) => [
  [name, "EPERM", EPERM] as const,
  [name, "ENOSYS", ENOSYS] as const,
]);

test.skipIf(reason !== "").each(steps)(
  `%s failing with %s confines wholly or not at all ${reason}`,
  async (name, error, errno) => {
    rmSync(file, { force: true });
    const { status, stdout, stderr } = await execute(denying(name as keyof typeof NUMBERS, errno, words));
    if (stdout === "ran\n" && status === 0) {
      count.ran++;
      expect(confinement()).toEqual(whole);
      return;
    }
    count.refused++;
    expect(SPARED).not.toContain(`${name} ${error}`);
    expect({ status, stdout }).toEqual({ status: 125, stdout: "" });
    expect(stderr).toMatch(/^(minibox: [^\n]+\n)+( {2}[^\n]+\n)?$/);
    expect(stderr).not.toContain("fault of minibox itself");
  },
);

test.skipIf(reason !== "")(`most of them are needed, so most were seen to be refused ${reason}`, () => {
  expect(count.refused).toBeGreaterThanOrEqual(count.ran * 5);
});
