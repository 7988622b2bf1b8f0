// Looking ids up in a user namespace's mappings.

import { expect, test } from "bun:test";
import { reaches, toHost } from "../../../src/spec/id-mappings.ts";

test("ids through a map", () => {
  const maps = [
    { containerID: 0, hostID: 1000, size: 1 },
    { containerID: 1, hostID: 5000, size: 10 },
  ];
  expect([0, 1, 10, 11].map((id) => toHost(maps, id))).toEqual([1000, 5000, 5009, undefined]);
  expect([1000, 1001, 5009, 5010].map((id) => reaches(maps, id))).toEqual([true, false, true, false]);
});
