// Sharing a pool of ids out: how large the shares are, and which one is chosen.

import { describe, expect, test } from "bun:test";
import { chooseShare, shareOf, sharesIn } from "../../../src/userns/pool.ts";
import type { HostIds, Range } from "../../../src/userns/types.ts";

const NONE: HostIds = { uid: [], gid: [] };
const range = (start: number, size: number): Range => ({ start, size });
const both = (...ranges: Range[]): HostIds => ({ uid: ranges, gid: ranges });
const chosen = (pool: HostIds, held = NONE, owner = 0) => chooseShare(pool, held, owner)?.uidMappings;

describe("a share is", () => {
  test.each([
    [2 ** 31, 65_536, 32_768],
    [16 * 65_536, 65_536, 16],
    [65_536, 4096, 16],
    [70_000, 4375, 16],
    [4000, 1024, 3],
    [100, 100, 1],
    [1, 1, 1],
  ])("of %d ids: %d, for %d containers", (total, share, count) => {
    const pool = both(range(500_000, total));
    expect([shareOf(pool), sharesIn(pool)]).toEqual([share, count]);
  });

  test("as large as the smaller one of both kinds allows", () => {
    const pool = { uid: [range(1, 65_536)], gid: [range(1, 1000), range(5000, 600)] };
    expect([shareOf(pool), sharesIn(pool)]).toEqual([1024, 1]);
  });
});

describe("the share chosen", () => {
  const pool = both(range(100_000, 1500), range(200_000, 1600));

  test("is the first that nobody holds, and may lie in several ranges", () => {
    expect(chosen(pool)).toEqual([
      { containerID: 0, hostID: 100_000, size: 1023 },
      { containerID: 65_534, hostID: 101_023, size: 1 },
    ]);
    expect(chosen(pool, { uid: [], gid: [range(100_500, 1)] })).toEqual([
      { containerID: 0, hostID: 101_024, size: 476 },
      { containerID: 476, hostID: 200_000, size: 547 },
      { containerID: 65_534, hostID: 200_547, size: 1 },
    ]);
  });

  test("is none where each one is held in part", () => {
    expect(chosen(pool, both(range(101_023, 1), range(200_000, 549)))).toBeUndefined();
    expect(chosen(pool, both(range(101_023, 1), range(200_000, 548)))?.[0]?.hostID).toBe(200_548);
  });

  test("is the one with the owner of the rootfs, where that is free", () => {
    expect(chosen(pool, NONE, 200_100)?.[0]?.hostID).toBe(101_024);
    expect(chosen(pool, both(range(200_000, 1)), 200_100)?.[0]?.hostID).toBe(100_000);
    expect(chosen(pool, NONE, 201_599)?.[0]?.hostID).toBe(100_000);
  });

  test("is 0 to 65535 where there are so many, and of a single id 0", () => {
    expect(chosen(both(range(7, 2 ** 20)))).toEqual([{ containerID: 0, hostID: 7, size: 65_536 }]);
    expect(chosen(both(range(7, 1)))).toEqual([{ containerID: 0, hostID: 7, size: 1 }]);
  });
});
