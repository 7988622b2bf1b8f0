// What --userns, --uidmap and --gidmap mean, and what a user namespace changes in the object.

import { describe, expect, test } from "bun:test";
import { defaultSpec } from "../../../src/spec/default.ts";
import type { Given } from "../../../src/spec/from-flags/given.ts";
import type { Linux, Namespace, Spec, User } from "../../../src/spec/types.ts";
import {
  parseUserNamespace,
  reaches,
  rootWarning,
  toHost,
  userNamespaceWish,
  withUserNamespace,
} from "../../../src/spec/userns.ts";

const given = (flags: Record<string, string[]>): Given => ({
  one: (flag) => flags[flag]?.[0],
  many: (flag) => flags[flag] ?? [],
  is: () => false,
});
const parse = (flags: Record<string, string[]>) => parseUserNamespace(given(flags));

describe("parseUserNamespace", () => {
  test("what is not asked for is no wish", () => {
    expect(parse({})).toBeUndefined();
    expect(parse({ userns: ["host"] })).toEqual({ kind: "host" });
    expect(parse({ userns: ["auto"] })).toEqual({ kind: "auto" });
  });

  test("UID:GID:SIZE maps from 0 on", () => {
    expect(parse({ userns: ["100:200:10"] })).toEqual({
      kind: "mapped",
      uidMappings: [{ containerID: 0, hostID: 100, size: 10 }],
      gidMappings: [{ containerID: 0, hostID: 200, size: 10 }],
    });
  });

  test("one kind of map stands for the other", () => {
    const maps = [{ containerID: 0, hostID: 5, size: 2 }];
    const wish = { kind: "mapped" as const, uidMappings: maps, gidMappings: maps };
    expect(parse({ uidmap: ["0:5:2"] })).toEqual(wish);
    expect(parse({ gidmap: ["0:5:2"] })).toEqual(wish);
  });

  test.each([
    [{ userns: ["1:2"] }, "must be host, auto or UID:GID:SIZE"],
    [{ userns: ["1:2:-3"] }, "must be host, auto or UID:GID:SIZE"],
    [{ userns: ["0:4294967295:1"] }, "beyond the last id"],
    [{ uidmap: ["0:1"] }, "must be CONTAINER-ID:HOST-ID:SIZE"],
    [{ uidmap: ["0:1:10", "20:5:10"] }, "overlaps"],
    [{ uidmap: ["0:1:10", "9:50:10"] }, "overlaps"],
    [{ uidmap: ["0:1:0"] }, "size is 0"],
    [{ uidmap: ["5:1:10"] }, "nothing is mapped to id 0"],
    [{ userns: ["host"], gidmap: ["0:1:1"] }, "contradict"],
  ])("%p is refused: %s", (flags, words) => {
    expect(() => parse(flags as unknown as Record<string, string[]>)).toThrow(words);
  });
});

describe("userNamespaceWish", () => {
  const maps = [{ containerID: 0, hostID: 1000, size: 10 }];
  const wish = (linux: Linux) => userNamespaceWish({ ...defaultSpec("/r", ["true"]), linux });

  test("is what the object says of a user namespace", () => {
    expect(wish({})).toBeUndefined();
    expect(wish({ namespaces: [{ type: "pid" }], uidMappings: maps, gidMappings: maps })).toBeUndefined();
    expect(wish({ namespaces: [{ type: "user" }] })).toEqual({ kind: "auto" });
    expect(wish({ namespaces: [{ type: "user" }], uidMappings: maps, gidMappings: maps })).toEqual({
      kind: "mapped",
      uidMappings: maps,
      gidMappings: maps,
    });
    expect(wish({ namespaces: [{ type: "user", path: "/proc/1/ns/user" }] })).toEqual({ kind: "joined" });
  });
});

test("ids through a map", () => {
  const maps = [
    { containerID: 0, hostID: 1000, size: 1 },
    { containerID: 1, hostID: 5000, size: 10 },
  ];
  expect([0, 1, 10, 11].map((id) => toHost(maps, id))).toEqual([1000, 5000, 5009, undefined]);
  expect([1000, 1001, 5009, 5010].map((id) => reaches(maps, id))).toEqual([true, false, true, false]);
});

describe("withUserNamespace", () => {
  const ids = [{ containerID: 0, hostID: 1000, size: 10 }];
  const maps = { uidMappings: ids, gidMappings: ids };
  const spec = ({ user, namespaces }: { user?: Partial<User>; namespaces?: Namespace[] } = {}): Spec => {
    const made = defaultSpec("/r", ["true"]);
    return {
      ...made,
      process: { ...made.process, user: { ...made.process.user, ...user } },
      linux: { ...made.linux, ...(namespaces ? { namespaces } : {}) },
    };
  };

  test("is one of the namespaces, once, and drops groups that mean nothing", () => {
    const given = spec({ user: { additionalGids: [3, 50] } });
    const once = withUserNamespace(given, maps);
    const twice = withUserNamespace(once, maps);
    expect(twice.linux.namespaces?.filter(({ type }) => type === "user")).toEqual([{ type: "user" }]);
    expect(twice.linux.uidMappings).toEqual(ids);
    expect(twice.process.user.additionalGids).toEqual([3]);
  });

  test("leaves what it was given as it is", () => {
    const given = spec({ user: { additionalGids: [3, 50] }, namespaces: [{ type: "mount" }] });
    const before = structuredClone(given);
    withUserNamespace(given, maps);
    expect(given).toEqual(before);
  });

  test("keeps the path of a namespace that is joined", () => {
    const user = { type: "user" as const, path: "/proc/1/ns/user" };
    const given = spec({ namespaces: [{ type: "mount" }, user] });
    expect(withUserNamespace(given, maps).linux.namespaces).toEqual([{ type: "mount" }, user]);
  });

  test("binds the host's /sys where the network is the host's", () => {
    const isSys = ({ destination }: { destination: string }) => destination === "/sys";
    expect(withUserNamespace(spec(), maps).mounts?.find(isSys)?.type).toBe("sysfs");
    const given = spec({ namespaces: [{ type: "mount" }] });
    const sys = withUserNamespace(given, maps).mounts?.find(isSys);
    expect(sys).toMatchObject({ type: "bind", source: "/sys" });
    expect(sys?.options).toContain("rbind");
    expect(sys?.options).toContain("ro");
  });

  test("names the ids there are, when the user is none of them", () => {
    const given = spec({ user: { uid: 0, gid: 10 } });
    expect(() => withUserNamespace(given, maps)).toThrow("the group id 10 is not mapped");
    expect(() => withUserNamespace(given, maps)).toThrow("which has 0-9");
  });
});

describe("the host's root among the ids", () => {
  const map = (containerID: number, hostID: number, size = 10) => ({ containerID, hostID, size });

  test("is told, wherever it is", () => {
    expect(rootWarning([map(0, 0)], [map(0, 300_000)])).toStartWith(
      "the container's user 0 is root on the host",
    );
    expect(rootWarning([map(0, 1), map(10, 0)], [map(0, 0)])).toStartWith(
      "the container's user 10 and group 0 are root on the host",
    );
    expect(rootWarning([map(0, 1)], [map(0, 5), map(7, 0)])).toStartWith("the container's group 7 is root");
  });

  test("or is not there", () => {
    expect(rootWarning([map(0, 1)], [map(0, 100_000, 65_536)])).toBeUndefined();
  });
});
