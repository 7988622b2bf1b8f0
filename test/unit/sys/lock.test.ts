import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { O } from "../../../src/sys/constants.ts";
import { close, open } from "../../../src/sys/file.ts";
import { tryLock, tryLockFor, unlock } from "../../../src/sys/lock.ts";

const directory = mkdtempSync("/tmp/minibox-test-");
afterAll(() => rmSync(directory, { recursive: true }));

test("a lock that somebody else holds is waited for no longer than said, and taken once it is free", () => {
  const [holder, other] = [open(directory, O.O_DIRECTORY), open(directory, O.O_DIRECTORY)];
  expect(tryLock(holder)).toBe(true);
  const started = performance.now();
  expect(tryLockFor(other, 20)).toBe(false);
  expect(performance.now() - started).toBeGreaterThanOrEqual(15);
  unlock(holder);
  expect(tryLockFor(other, 0)).toBe(true);
  expect(tryLockFor(holder, 0)).toBe(false);
  for (const fd of [holder, other]) close(fd);
});
