// What minibox says, word for word, when the command cannot be executed: no such name on the PATH.

import { describe, expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { makeRoot, ON_HOST, reason, SEARCHED, says } from "../../support/explain.ts";

const { root, put, link, run } = makeRoot();

describe.skipIf(reason !== "")(`a name that is looked for${reason && `: ${reason}`}`, () => {
  test("is not on the PATH, and nothing is near", () => {
    expect(run(["frobnicate"])).toEqual(says(127, `frobnicate: not found on the PATH ${SEARCHED}`));
  });

  test("is mistyped", () => {
    expect(run(["busybxo"])).toEqual(
      says(127, `busybxo: not found on the PATH ${SEARCHED}`, "did you mean busybox?"),
    );
  });

  test("is on the host, and another shell is here", () => {
    expect(run(["bash"])).toEqual(
      says(127, `bash: not found on the PATH ${SEARCHED}`, `did you mean /bin/sh? ${ON_HOST}`),
    );
  });

  test("is in a directory that the PATH leaves out", () => {
    expect(run(["cat"], { flags: ["-e", "PATH=/opt/bin"] })).toEqual(
      says(
        127,
        "cat: not found on the PATH /opt/bin",
        "it is /bin/cat, in a directory that the PATH leaves out",
      ),
    );
  });

  test("lies in the working directory", () => {
    put("/work/build.sh", "#!/bin/sh\n");
    expect(run(["build.sh"], { flags: ["-w", "/work"] })).toEqual(
      says(127, `build.sh: not found on the PATH ${SEARCHED}`, "did you mean ./build.sh?"),
    );
  });

  test("is looked for with an empty PATH", () => {
    expect(run(["mycommand"], { flags: ["-e", "PATH="] })).toEqual(
      says(127, "mycommand: not found: PATH is empty, so only the working directory / was searched"),
    );
  });

  test("is empty", () => {
    expect(run([""])).toEqual(
      says(
        127,
        "the command is an empty string",
        "is a variable of the calling script not set? the command follows the rootfs: /bin/sh",
      ),
    );
  });

  test("is a whole command line", () => {
    const hint = "it is one word with blanks in it: give ls and its arguments as separate words";
    expect(run(["ls -l"])).toEqual(says(127, `ls -l: not found on the PATH ${SEARCHED}`, hint));
    expect(run(["ls -l /"])).toEqual(
      says(127, 'ls -l /: the rootfs has no directory "/ls -l " (the working directory is /)', hint),
    );
  });

  test("is a word of the shell's own", () => {
    expect(run(["export", "A=1"])).toEqual(
      says(127, `export: not found on the PATH ${SEARCHED}`, "it is built into the shell: /bin/sh -c '…'"),
    );
  });

  test("is a dangling link", () => {
    link("bin/nowhere", "busybox-2");
    expect(run(["nowhere"])).toEqual(
      says(
        127,
        "/bin/nowhere: a symbolic link to busybox-2, which is not in the rootfs (/bin/busybox-2 is missing)",
      ),
    );
  });

  test("is found, and may not be executed", () => {
    const file = put("/bin/plain", "#!/bin/sh\n", 0o644);
    expect(run(["plain"])).toEqual(
      says(126, "/bin/plain: it has no x bit (mode 0644, owner 0:0)", `chmod +x ${file}`),
    );
  });

  test("is found in a directory that this user may not enter", () => {
    put("/private/tool", "#!/bin/sh\n");
    chmodSync(join(root, "private"), 0o700);
    const flags = ["-u", "1000", "-e", "PATH=/private:/bin"];
    expect(run(["tool"], { flags })).toEqual(
      says(
        126,
        "/private/tool: user 1000 may not enter /private (mode 0700, owner 0:0)",
        `chmod a+x ${root}/private, or run as another user (-u)`,
      ),
    );
    // what is not in there either is just not found
    expect(run(["tool2"], { flags }).status).toBe(127);
  });
});
