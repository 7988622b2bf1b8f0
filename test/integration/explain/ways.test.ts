// What minibox says, word for word, when the command cannot be executed: the same words for each way to run it.

import { describe, expect, test } from "bun:test";
import { linkSync } from "node:fs";
import { join } from "node:path";
import { makeElf } from "../../support/elf.ts";
import { makeRoot, reason, says } from "../../support/explain.ts";

const { root, put, run } = makeRoot();

describe.skipIf(reason !== "")(`whatever the way to run it${reason && `: ${reason}`}`, () => {
  test("--init, --chroot, --overlay and --read-only tell the same", () => {
    put("/w/run", "#!/bin/zsh\n");
    for (const flag of ["--init", "--chroot", "--overlay", "--read-only"]) {
      const { said, status } = run(["/w/run"], { flags: [flag] });
      expect({ flag, said, status }).toEqual({
        flag,
        ...says(
          126,
          "/w/run: its #! interpreter /bin/zsh: no such file in the rootfs",
          "the rootfs has /bin/sh",
        ),
      });
    }
  });

  test("looking does not show in a trace, and does not leave the rootfs", () => {
    const file = put("/w/evil", makeElf({ loader: "../../../../etc/passwd" }));
    linkSync(file, join(root, "w/evil2"));
    const { said } = run(["/w/evil2"], { flags: ["--trace"] });
    const after = said.slice(said.search(/^child +execve\(/m));
    expect(after).toContain("its loader ../../../../etc/passwd: it has no x bit (mode 0644, owner 0:0)");
    // what is opened after it is for the removal of the container (its /etc/hosts), and nothing of the file or its loader
    expect(
      after.match(/^.* open\w*\(.*$/gm)?.filter((line) => /evil|"w"|"etc"|passwd/.test(line)) ?? [],
    ).toEqual([]);
  });
});
