// The numbers of the calls that we make, against the tables that come from the kernel's headers, on both machines.

import { expect, test } from "bun:test";
import { NUMBERS } from "../../../src/sys/numbers.ts";
import { numbersOf } from "../seccomp/support/reference.ts";

test.each([["x86_64", 0] as const, ["aarch64", 1] as const])(
  "every call's number is the kernel's on %s",
  (machine, column) => {
    const kernels = numbersOf(machine);
    const ours: unknown[] = Object.entries(NUMBERS).map(([name, numbers]) => [name, numbers[column]]);
    expect(ours).toEqual(Object.keys(NUMBERS).map((name) => [name, kernels[name]]));
  },
);
