// Holds what lets every npm from 9 on leave package-lock.json as it is: npm 11 adds the optional packages of all
// platforms, npm 10 takes "libc" away.

import { expect, test } from "bun:test";
import { join } from "node:path";

interface Package {
  optionalDependencies?: Record<string, string>;
  resolved?: string;
  libc?: string[];
}

const { packages } = (await Bun.file(join(import.meta.dir, "../../package-lock.json")).json()) as {
  packages: Record<string, Package>;
};

test("every optional package has its entry, for whatever platform it is", () => {
  const wanted = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
  expect(wanted.length).toBeGreaterThan(8);
  expect(wanted.filter((name) => !(`node_modules/${name}` in packages))).toEqual([]);
});

test("no entry names a libc, nor the place that it came from", () => {
  const wrong = Object.entries(packages).filter(([, entry]) => entry.libc ?? entry.resolved);
  expect(wrong.map(([name]) => name)).toEqual([]);
});
