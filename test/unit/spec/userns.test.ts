// What a user namespace changes in the object.

import { describe, expect, test } from "bun:test";
import { defaultSpec } from "../../../src/spec/default.ts";
import type { Linux, Namespace, Spec, User } from "../../../src/spec/types.ts";
import { rootWarning, userNamespaceWish, withUserNamespace } from "../../../src/spec/userns.ts";

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

  test("keeps the path of a namespace that is joined, and every namespace its place", () => {
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
