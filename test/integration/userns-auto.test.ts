// --userns auto, given by root: each container has ids of the host that no other one of the state root has.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { momentsOf, type Running, SLOWNESS, start, uniqueName } from "../support/container.ts";
import { expectNothingLeft, leavesNothing } from "../support/leftovers.ts";
import { execute, MINIBOX, type Result, ROOT, RUN, skipReason } from "../support/minibox.ts";
import { makePlace, type Place } from "../support/user.ts";

setDefaultTimeout(60_000 * SLOWNESS);
leavesNothing();
const reason = skipReason("unshare", "mount");
// other ids for each run of the tests: several at once must not meet
const FIRST = 200_000_000 + (process.pid % 1000) * 2_000_000;
const KIND = ["uid", "gid"] as const;
let place: Place;
beforeAll(() => {
  if (!reason) place = makePlace();
});
afterAll(() => place?.remove());

/** Words in front of a command that sees these ranges in /etc/subuid and /etc/subgid. */
function withRanges(uid: string, gid = uid): string[] {
  const tables = join(place.path, uniqueName());
  mkdirSync(tables);
  for (const [kind, row] of [["uid", uid] as const, ["gid", gid] as const])
    writeFileSync(join(tables, `sub${kind}`), `${row}\n`);
  const bind =
    'for table in subuid subgid; do mount --bind "$0/$table" "/etc/$table" || exit 99; done; exec "$@"';
  return ["unshare", "--mount", "sh", "-c", bind, tables];
}

/** The maps of a container whose command prints them; each line is the kind and FIRST-IN-CONTAINER FIRST-ON-HOST SIZE. */
const PRINT = `for kind in uid gid; do while read -r line; do echo $kind $line; done </proc/self/\${kind}_map; done; echo up`;

interface Ids {
  kind: string;
  inside: number;
  start: number;
  size: number;
}

const idsIn = (text: string): Ids[] =>
  [...text.matchAll(/^([ug]id) (\d+) (\d+) (\d+)$/gm)].map(([, kind, inside, start, size]) => ({
    kind: kind!,
    inside: Number(inside),
    start: Number(start),
    size: Number(size),
  }));

const meet = (some: Ids[], others: Ids[]): boolean =>
  some.some((a) =>
    others.some((b) => a.kind === b.kind && a.start < b.start + b.size && b.start < a.start + a.size),
  );

/** Starts a container that prints its maps and waits for the end of its stdin. */
const waiting = (wrapper: string[], flags: string[] = []): Running =>
  start(["--userns", "auto", ...flags, place.rootfs, "sh", "-c", `${PRINT}; read x; true`], wrapper);

async function idsOf(container: Running): Promise<Ids[]> {
  await container.says("up\n");
  const ids = idsIn(container.stdout);
  expect(new Set(ids.map(({ kind }) => kind))).toEqual(new Set(KIND));
  return ids;
}

/** Runs a container that prints its maps. */
const once = (wrapper: string[], flags: string[] = []): Promise<Result> =>
  execute([...wrapper, ...RUN, "--userns", "auto", ...flags, place.rootfs, "sh", "-c", PRINT]);

async function end(...containers: Running[]): Promise<void> {
  for (const container of containers) container.closeInput();
  for (const container of containers) expect((await container.ended).status).toBe(0);
}

const firstOf = (ids: Ids[], kind: string): number =>
  ids.find((entry) => entry.kind === kind && entry.inside === 0)!.start;

describe.skipIf(reason !== "")("--userns auto", () => {
  test("gives two containers that run at the same time ids of their own, which the host sees", async () => {
    const wrapper = withRanges(`root:${FIRST}:65536`, `root:${FIRST + 100_000}:65536`);
    const [a, b] = [waiting(wrapper), waiting(wrapper)];
    const [ofA, ofB] = [await idsOf(a), await idsOf(b)];
    expect(meet(ofA, ofB)).toBe(false);
    for (const [i, kind] of KIND.entries())
      expect([firstOf(ofA, kind), firstOf(ofB, kind)].sort()).toEqual(
        [0, 4096].map((n) => FIRST + i * 100_000 + n),
      );
    const { stdout } = await execute(["ps", "-o", "uid=,gid=,args=", "-u", `${firstOf(ofA, "uid")}`]);
    expect(stdout).toContain(`${firstOf(ofA, "uid")} ${firstOf(ofA, "gid")} sh -c`);
    await end(a, b);
  });

  test("gives twelve that start at once ids of their own", async () => {
    const wrapper = withRanges(`root:${FIRST}:65536`);
    const containers = Array.from({ length: 12 }, () => waiting(wrapper));
    const all = await Promise.all(containers.map(idsOf));
    for (const [i, ids] of all.entries())
      for (const other of all.slice(0, i)) expect(meet(ids, other)).toBe(false);
    await end(...containers);
  });

  test("gives 65536 where there are enough, and 0 to 4094 and nobody's of 65536 in all", async () => {
    const plenty = await once(withRanges(`minibox:${FIRST}:${16 * 65_536}`));
    expect(idsIn(plenty.stdout)).toEqual(
      KIND.map((kind) => ({ kind, inside: 0, start: FIRST, size: 65_536 })),
    );
    const wrapper = withRanges(`minibox:${FIRST}:65536`);
    expect(idsIn((await once(wrapper)).stdout)).toEqual(
      KIND.flatMap((kind) => [
        { kind, inside: 0, start: FIRST, size: 4095 },
        { kind, inside: 65_534, start: FIRST + 4095, size: 1 },
      ]),
    );
    const { stdout } = await execute([
      ...[...wrapper, ...RUN, "--userns", "auto", "-u", "65534:65534", place.rootfs],
      ...["sh", "-c", "id -u; id -g"],
    ]);
    expect(stdout).toBe("65534\n65534\n");
  });

  test("says that no ids are left, and gives those of one that has ended or was killed", async () => {
    const wrapper = withRanges(`root:${FIRST}:2048`);
    const [a, b] = [waiting(wrapper), waiting(wrapper)];
    const [ofA, ofB] = [await idsOf(a), await idsOf(b)];
    const { status, stdout, stderr } = await once(wrapper);
    expect({ status, stdout }).toEqual({ status: 125, stdout: "" });
    expect(stderr).toBe(
      "minibox: --userns: no ids are left: those in /etc/subuid and /etc/subgid are enough for 2 containers at a time, with 1024 ids each\n" +
        `  end or delete a container, add a range that nobody has (${KIND.map((kind) => `echo "root:2147483648:1048576" >> /etc/sub${kind}`).join("; ")}), or choose the ids with --userns\n`,
    );
    await end(a);
    expect(idsIn((await once(wrapper)).stdout)).toEqual(ofA);
    const c = waiting(wrapper);
    expect(await idsOf(c)).toEqual(ofA);
    b.signal(9);
    await b.ended;
    expect(idsIn((await once(wrapper)).stdout)).toEqual(ofB);
    await end(c);
    await expectNothingLeft();
  });

  test("gives the only ids again, at whatever moment minibox was killed", async () => {
    const wrapper = withRanges(`root:${FIRST}:1000`);
    for (const moment of await momentsOf(() => once(wrapper), 12)) {
      const container = waiting(wrapper);
      await Bun.sleep(moment);
      container.signal(9);
      await container.ended;
      const { stderr, stdout } = await once(wrapper);
      expect(stderr).toBe("");
      expect(firstOf(idsIn(stdout), "uid")).toBe(FIRST);
    }
    await expectNothingLeft();
  });

  test("takes no ids that another container was given by number", async () => {
    const container = start([
      `--userns=${FIRST + 5}:${FIRST + 5}:10`,
      place.rootfs,
      "sh",
      "-c",
      "echo up; read x; true",
    ]);
    await container.says("up");
    const { stdout } = await once(withRanges(`root:${FIRST}:65536`));
    expect(firstOf(idsIn(stdout), "uid")).toBe(FIRST + 4096);
    await end(container);
  });

  test("leaves a created container its ids until it is deleted", async () => {
    const wrapper = withRanges(`root:${FIRST}:1000`);
    const name = uniqueName();
    const command = (...words: string[]) => execute([...wrapper, MINIBOX, "--root", ROOT, ...words]);
    // the container has create's stdout, which would stay open
    const quietly = ["sh", "-c", 'exec "$@" >/dev/null 2>&1', "sh"];
    const words = ["create", "--name", name, "--userns", "auto", place.rootfs, "true"];
    expect((await execute([...wrapper, ...quietly, MINIBOX, "--root", ROOT, ...words])).status).toBe(0);
    expect((await once(wrapper)).stderr).toContain("enough for 1 container at a time, with 1000 ids each");
    expect((await command("start", name)).status).toBe(0);
    expect((await command("delete", "--force", name)).stderr).toBe("");
    expect(firstOf(idsIn((await once(wrapper)).stdout), "uid")).toBe(FIRST);
  });

  test("root's rootfs is the container's own with any ids; what it makes in a volume belongs to them", async () => {
    const wrapper = withRanges(`root:${FIRST}:65536`);
    const volume = join(place.path, "volume");
    mkdirSync(volume);
    chmodSync(volume, 0o777);
    const first = waiting(wrapper);
    await idsOf(first);
    for (const flags of [[], ["--overlay"]]) {
      const { stdout, stderr } = await execute([
        ...[...wrapper, ...RUN, "--userns", "auto", ...flags, "-v", `${volume}:/mnt`, place.rootfs],
        ...["sh", "-c", "stat -c %u:%g / /bin; touch /made /mnt/made; stat -c %u:%g /made /mnt/made"],
      ]);
      expect({ stdout, stderr }).toEqual({ stdout: "0:0\n".repeat(4), stderr: "" });
      expect(statSync(join(volume, "made")).uid).toBe(FIRST + 4096);
      rmSync(join(volume, "made"));
      const made = statSync(join(place.rootfs, "made"), { throwIfNoEntry: false });
      expect(made && [made.uid, made.gid]).toEqual(flags.length > 0 ? undefined : [0, 0]);
      rmSync(join(place.rootfs, "made"), { force: true });
    }
    await end(first);
  });

  test("chooses the ids that a rootfs belongs to, and says so where another container has them", async () => {
    const mine = join(place.path, "mine");
    await execute(["cp", "-a", place.rootfs, mine]);
    await execute(["chown", "-R", "-h", `${FIRST + 8192}:${FIRST + 8192}`, mine]);
    const words = ["--userns", "auto", mine, "sh", "-c", "touch /made; stat -c %u:%g /made"];
    const again = () => execute([...withRanges(`root:${FIRST}:65536`), ...RUN, ...words]);
    expect((await again()).stdout).toBe("0:0\n");
    expect(statSync(join(mine, "made")).uid).toBe(FIRST + 8192);
    const other = start([`--userns=${FIRST + 8192}:1:10`, place.rootfs, "sh", "-c", "echo up; read x; true"]);
    await other.says("up");
    expect((await again()).stderr).toContain(
      `${mine} belongs to the user ${FIRST + 8192} of the host, whom the container does not have`,
    );
    await end(other);
    rmSync(mine, { recursive: true });
  });
});
