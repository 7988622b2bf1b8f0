// Reading /etc/subuid, and laying its ranges out.

import { expect, test } from "bun:test";
import { laidOut, rangesOf } from "../../../src/userns/subids.ts";

const TABLE = "# comment\nann:1000:10\nbob:2000:5\n\nann:3000:1\n1001:4000:7\nbad:1:2:3\nbad:x:2\nbad:5:0\n";

test("all ranges of the first owner that has any", () => {
  expect(rangesOf(TABLE, ["ann", "bob"])).toEqual([
    { start: 1000, size: 10 },
    { start: 3000, size: 1 },
  ]);
  expect(rangesOf(TABLE, ["nobody", "1001"])).toEqual([{ start: 4000, size: 7 }]);
  expect(rangesOf(TABLE, ["bad"])).toEqual([]);
  expect(rangesOf("", ["ann"])).toEqual([]);
});

test("ranges lie one after the other, cut where it is enough", () => {
  const ranges = rangesOf(TABLE, ["ann"]);
  expect(laidOut(ranges, 1)).toEqual([
    { containerID: 1, hostID: 1000, size: 10 },
    { containerID: 11, hostID: 3000, size: 1 },
  ]);
  expect(laidOut(ranges, 0, 4)).toEqual([{ containerID: 0, hostID: 1000, size: 4 }]);
  expect(laidOut(ranges, 0, 10)).toHaveLength(1);
});
