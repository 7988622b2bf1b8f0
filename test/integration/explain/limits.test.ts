// What minibox says, word for word, when the command cannot be executed: limits too small to start it.

import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { tryText, until } from "../../support/container.ts";
import { makeRoot, reason, says } from "../../support/explain.ts";

const { scratch, run } = makeRoot();

describe.skipIf(reason !== "")(`limits that keep a program from starting${reason && `: ${reason}`}`, () => {
  test("arguments and environment are too large together", () => {
    const words = Array.from({ length: 4 }, () => "x".repeat(100_000));
    const { said, status } = run(["/bin/true", ...words], { flags: ["--ulimit", "stack=1048576"] });
    expect(status).toBe(126);
    expect(said).toMatch(
      /^\/bin\/true: arguments and environment are 400\d\d\d bytes together, with a pointer for each of \d+ words; the limit is 262144\n {2}the limit is a quarter of that for the stack \(--ulimit stack\), at most 6291456; or pass it in a file or through stdin$/,
    );
  });

  test("one variable is too long", () => {
    const file = join(scratch, "env");
    writeFileSync(file, `BIG=${"x".repeat(200_000)}\n`);
    const { said, status } = run(["/bin/true"], { flags: ["--env-file", file] });
    expect(status).toBe(126);
    expect(said).toMatch(
      /^\/bin\/true: the variable BIG is 200004 bytes long, \d+ is the limit for one\n {2}pass it in a file or through stdin$/,
    );
  });

  test("the user has too many processes", async () => {
    // the kernel counts those that are there before the container's own
    const other = Bun.spawn(["setpriv", "--reuid", "4242", "--clear-groups", "--", "sleep", "20"]);
    try {
      const owner = (): string => tryText(`/proc/${other.pid}/status`) ?? "";
      await until("it is that user's", () => /^Uid:\t4242\t/m.test(owner()));
      expect(run(["/bin/true"], { flags: ["-u", "4242", "--ulimit", "nproc=0"] })).toEqual(
        says(
          126,
          "/bin/true: user 4242 has more processes than its limit of 0 allows",
          "all processes of that user id on the host count: raise --ulimit nproc, or take --pids-limit instead",
        ),
      );
    } finally {
      other.kill("SIGKILL");
    }
  });
});
