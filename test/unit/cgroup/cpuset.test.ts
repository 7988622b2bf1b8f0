// The kernel's lists of CPUs and memory nodes, "0-2,7" (cpuset(7)), are read as numbers.

import { expect, test } from "bun:test";
import { parseList } from "../../../src/cgroup/cpuset.ts";

test.each([
  ["", []],
  ["0", [0]],
  ["0-2,7\n", [0, 1, 2, 7]],
  ["3,1-1", [1, 3]],
])("the list %p", (list, numbers) => {
  expect([...parseList(list)].sort()).toEqual(numbers);
});
