// What --userns, --uidmap and --gidmap mean.

import { describe, expect, test } from "bun:test";
import type { Given } from "../../../../src/spec/from-flags/given.ts";
import { parseUserNamespace } from "../../../../src/spec/from-flags/userns.ts";

const given = (flags: Record<string, string[]>): Given => ({
  one: (flag) => flags[flag]?.[0],
  many: (flag) => flags[flag] ?? [],
  is: () => false,
  none: false,
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
