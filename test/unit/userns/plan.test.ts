// What a container's user namespace will be, as root and as others: each case is a process of its own.

import { describe, expect, test } from "bun:test";
import type { UserNamespaceWish } from "../../../src/spec/userns.ts";
import { isInitialUserNamespace } from "../../../src/sys/namespace.ts";
import { skipReason } from "../../support/minibox.ts";

const ROOM = `${import.meta.dir}/../../../src/userns/plan.ts`;
/** No user has it, so it has no subordinate ids. */
const ID = 54_321;

interface Said {
  plan?: unknown;
  error?: string;
}

/** What a process that these words start plans for this wish. */
function planAs(words: string[], wish: UserNamespaceWish | undefined): Said {
  const script = `import { planUserNamespace } from "${ROOM}";
    try { console.log(JSON.stringify({ plan: planUserNamespace(${JSON.stringify(wish)}, undefined) })) }
    catch (error) { console.log(JSON.stringify({ error: error.message })) }`;
  const { stdout, stderr } = Bun.spawnSync([...words, process.execPath, "-e", script], { cwd: "/" });
  expect(stderr.toString()).toBe("");
  return JSON.parse(stdout.toString());
}

const ORDINARY = ["setpriv", "--reuid", String(ID), "--regid", String(ID), "--clear-groups"];
const NESTED = ["unshare", "--user", "--map-root-user"];
const own = (id: number) => [{ containerID: 0, hostID: id, size: 1 }];
const mapped = (id: number): UserNamespaceWish => ({
  kind: "mapped",
  uidMappings: own(id),
  gidMappings: own(id),
});

const isSkipped = skipReason("setpriv", "unshare") !== "" || !isInitialUserNamespace();

describe.skipIf(isSkipped)("root", () => {
  test("has no user namespace unless one is asked for", () => {
    expect(planAs([], undefined)).toEqual({});
    expect(planAs([], { kind: "host" })).toEqual({});
  });

  test("has the mappings that are asked for, and is told where the host's root is among them", () => {
    const plan = { rootless: false, joins: false, keepGroups: false };
    expect(planAs([], mapped(700_000))).toEqual({
      plan: { ...plan, uidMappings: own(700_000), gidMappings: own(700_000), notes: [] },
    });
    expect(planAs([], mapped(0))).toMatchObject({
      plan: { notes: [expect.stringContaining("user 0 and group 0 are root on the host")] },
    });
  });

  test("joins a namespace that has its mappings already", () => {
    expect(planAs([], { kind: "joined" })).toMatchObject({ plan: { joins: true, uidMappings: [] } });
  });
});

describe.skipIf(isSkipped)("an ordinary user", () => {
  test("is root inside and alone there, and told why", () => {
    for (const wish of [undefined, { kind: "auto" } as const])
      expect(planAs(ORDINARY, wish)).toEqual({
        plan: {
          rootless: true,
          joins: false,
          uidMappings: own(ID),
          gidMappings: own(ID),
          keepGroups: true,
          notes: [expect.stringContaining("one user id and one group id, the caller's: ")],
        },
      });
  });

  test("may say itself that it is root inside, and nothing else", () => {
    expect(planAs(ORDINARY, mapped(ID))).toMatchObject({ plan: { uidMappings: own(ID), notes: [] } });
    for (const wish of [mapped(0), mapped(ID + 1), { kind: "host" } as const])
      expect(planAs(ORDINARY, wish).error).toContain("an ordinary user's container has one mapping");
  });
});

describe.skipIf(isSkipped)("root of a user namespace that owns no other", () => {
  test("has its own ids mapped to themselves", () => {
    expect(planAs(NESTED, undefined)).toMatchObject({
      plan: { rootless: true, uidMappings: own(0), gidMappings: own(0), keepGroups: true, notes: [] },
    });
  });

  test("is refused the host's", () => {
    expect(planAs(NESTED, { kind: "host" }).error).toContain(
      "linux.uidMappings: root of this user namespace",
    );
  });
});
