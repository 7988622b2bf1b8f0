// What minibox says, word for word, when the command cannot be executed: no such file.

import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { makeRoot, ON_HOST, reason, says } from "../../support/explain.ts";

const { scratch, root, put, link, run } = makeRoot();

describe.skipIf(reason !== "")(`a path that leads to no file ends with 127${reason && `: ${reason}`}`, () => {
  test("no such file", () => {
    expect(run(["/opt.sh"])).toEqual(says(127, "/opt.sh: no such file in the rootfs"));
  });

  test("the directory is missing", () => {
    expect(run(["/opt/app/run"])).toEqual(says(127, "/opt/app/run: the rootfs has no directory /opt"));
  });

  test("a near name in the same directory", () => {
    expect(run(["/bin/busybxo"])).toEqual(
      says(127, "/bin/busybxo: no such file in the rootfs", "did you mean /bin/busybox?"),
    );
  });

  test("the same name elsewhere on the PATH", () => {
    expect(run(["/usr/bin/cat", "x"]).said).toStartWith(
      "/usr/bin/cat: the rootfs has no directory /usr\n  did you mean /bin/cat?",
    );
  });

  test("bash is on the host, the rootfs has only sh", () => {
    expect(run(["/bin/bash"])).toEqual(
      says(127, "/bin/bash: no such file in the rootfs", `did you mean /bin/sh? ${ON_HOST}`),
    );
  });

  test("a relative path names the working directory", () => {
    put("/work/deep/run", "#!/bin/sh\n");
    expect(run(["./runn"], { flags: ["-w", "/work/deep"] })).toEqual(
      says(
        127,
        "./runn: no such file in the rootfs (the working directory is /work/deep)",
        "did you mean /work/deep/run?",
      ),
    );
  });

  test("a part of the path is a file", () => {
    expect(run(["/etc/passwd/sh"])).toEqual(
      says(127, "/etc/passwd/sh: /etc/passwd is a file, not a directory"),
    );
  });

  test("a slash behind a file's name", () => {
    expect(run(["/bin/ls/"])).toEqual(
      says(127, "/bin/ls/: /bin/busybox is a file, not a directory", "did you mean /bin/ls?"),
    );
  });

  test("a dangling symbolic link", () => {
    link("bin/gone", "/opt/gone/run");
    expect(run(["/bin/gone"])).toEqual(
      says(127, "/bin/gone: a symbolic link to /opt/gone/run, which is not in the rootfs (/opt is missing)"),
    );
  });

  test("a symbolic link to a directory on the way", () => {
    link("sbin", "usr/sbin");
    expect(run(["/sbin/init"])).toEqual(
      says(
        127,
        "/sbin/init: /sbin is a symbolic link to usr/sbin, which is not in the rootfs (/usr is missing)",
      ),
    );
  });

  test("a link that holds the host's path of the rootfs", () => {
    link("bin/hostly", `${root}/bin/busybox`);
    expect(run(["/bin/hostly"])).toEqual(
      says(
        127,
        `/bin/hostly: a symbolic link to ${root}/bin/busybox, which is not in the rootfs (/${root.split("/")[1]} is missing)`,
        "inside the container the rootfs is /: let the link point to /bin/busybox",
      ),
    );
  });

  test("symbolic links in a circle", () => {
    link("bin/round", "about");
    link("bin/about", "/bin/round");
    const { said, status } = run(["/bin/round"]);
    expect(status).toBe(127);
    expect(said).toBe(
      "/bin/round: its symbolic links lead in a circle: /bin/round -> /bin/about -> /bin/round",
    );
  });

  test("more symbolic links than the kernel follows", () => {
    mkdirSync(join(root, "chain"));
    for (let i = 0; i < 45; i++) link(`chain/${i}`, i === 44 ? "/bin/busybox" : String(i + 1));
    expect(run(["/chain/0"])).toEqual(says(127, "/chain/0: it leads through more than 40 symbolic links"));
  });

  test("names that are too long", () => {
    const long = "x".repeat(256);
    expect(run([`/bin/${long}`])).toEqual(
      says(127, `${`/bin/${long}`.slice(0, 200)}…: one name in it is longer than 255 bytes, the limit`),
    );
    const path = `/${"deep/".repeat(900)}`;
    expect(run([path])).toEqual(
      says(127, `${path.slice(0, 200)}…: a path of ${path.length} bytes, 4095 is the limit`),
    );
  });

  test("a name that would write to the terminal", () => {
    expect(run(["/bin/a\u001b[31m\nb"]).said).toBe('"/bin/a\\x1b[31m\\nb": no such file in the rootfs');
  });

  test("the rootfs lies one directory deeper", () => {
    const outer = join(scratch, "outer dir");
    put("rootfs/bin/sh", "x", 0o755, outer);
    expect(run(["/bin/zzz"], { rootfs: outer })).toEqual(
      says(
        127,
        "/bin/zzz: the rootfs has no directory /bin",
        `the rootfs has no /bin: did you mean '${outer}/rootfs' as the rootfs?`,
      ),
    );
  });
});
