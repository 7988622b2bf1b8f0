// What minibox says, word for word, when the command cannot be executed: the interpreter of a script.

import { describe, expect, test } from "bun:test";
import { type Content, makeRoot, reason, says } from "../../support/explain.ts";

const { put, run } = makeRoot();

describe.skipIf(reason !== "")(
  `a script that cannot be executed ends with 126${reason && `: ${reason}`}`,
  () => {
    const script = (name: string, text: Content, mode = 0o755): string => put(`/s/${name}`, text, mode);

    test("its interpreter is missing", () => {
      script("bash.sh", "#!/bin/bash\necho hi\n");
      expect(run(["/s/bash.sh"])).toEqual(
        says(
          126,
          "/s/bash.sh: its #! interpreter /bin/bash: no such file in the rootfs",
          "the rootfs has /bin/sh",
        ),
      );
    });

    test("found on the PATH, its interpreter is missing", () => {
      put("/bin/py", "#! /usr/bin/python3 -u\n");
      expect(run(["py"])).toEqual(
        says(126, "/bin/py: its #! interpreter /usr/bin/python3: the rootfs has no directory /usr"),
      );
    });

    test("its first line ends in CR LF", () => {
      const file = script("windows.sh", "#!/bin/sh\r\necho hi\r\n");
      expect(run(["/s/windows.sh"])).toEqual(
        says(
          126,
          '/s/windows.sh: its #! line ends in CR LF (a Windows file), so its interpreter is "/bin/sh\\r"',
          `convert it: sed -i 's/\\r$//' ${file}`,
        ),
      );
    });

    test("no x bit", () => {
      const file = script("no-x.sh", "#!/bin/sh\n", 0o640);
      expect(run(["/s/no-x.sh"])).toEqual(
        says(126, "/s/no-x.sh: it has no x bit (mode 0640, owner 0:0)", `chmod +x ${file}`),
      );
    });

    test("its first line is too long", () => {
      script("long.sh", `#!/${"x/".repeat(200)}sh\n`);
      expect(run(["/s/long.sh"])).toEqual(
        says(126, "/s/long.sh: its #! line is too long: the kernel looks for an interpreter in 256 bytes"),
      );
    });

    test("its first line names nothing", () => {
      script("none.sh", "#! \necho hi\n");
      expect(run(["/s/none.sh"])).toEqual(says(126, "/s/none.sh: its #! line names no interpreter"));
    });

    test("its interpreter is a script whose interpreter is missing", () => {
      script("inner", "#!/bin/zsh\n");
      script("outer", "#!/s/inner\n");
      expect(run(["/s/outer"])).toEqual(
        says(
          126,
          "/s/outer: its #! interpreter /s/inner: its #! interpreter /bin/zsh: no such file in the rootfs",
          "the rootfs has /bin/sh",
        ),
      );
    });

    test("its interpreter has no x bit", () => {
      const file = script("interp-no-x", "#!/bin/sh\n", 0o644);
      script("by-no-x", "#!/s/interp-no-x\n");
      expect(run(["/s/by-no-x"])).toEqual(
        says(
          126,
          "/s/by-no-x: its #! interpreter /s/interp-no-x: it has no x bit (mode 0644, owner 0:0)",
          `chmod +x ${file}`,
        ),
      );
    });

    test("it is its own interpreter", () => {
      script("self", "#!/s/self\n");
      expect(run(["/s/self"])).toEqual(
        says(
          126,
          "/s/self: the interpreters of its #! lines are scripts, more of them than the kernel follows",
        ),
      );
    });

    test("its interpreter is a directory", () => {
      script("dir.sh", "#!/bin\n");
      expect(run(["/s/dir.sh"])).toEqual(
        says(126, "/s/dir.sh: its #! interpreter /bin: a directory, not a program"),
      );
    });

    test("no #! line", () => {
      const file = script("bare.sh", "echo hi\n");
      expect(run(["/s/bare.sh"])).toEqual(
        says(
          126,
          "/s/bare.sh: a text without a #! line: the kernel does not know what runs it",
          `for a shell script, make #!/bin/sh its first line: sed -i '1i #!/bin/sh' ${file}`,
        ),
      );
    });

    test("the #! line is not at the start", () => {
      script("blank.sh", "\n#!/bin/sh\n");
      expect(run(["/s/blank.sh"])).toEqual(
        says(
          126,
          "/s/blank.sh: its #! line is not at the very start",
          "let the file begin with the two characters #!",
        ),
      );
      const file = script("bom.sh", "\ufeff#!/bin/sh\n");
      expect(run(["/s/bom.sh"])).toEqual(
        says(
          126,
          "/s/bom.sh: a byte order mark stands before its #! line",
          `remove it: sed -i '1s/^\\xEF\\xBB\\xBF//' ${file}`,
        ),
      );
    });
  },
);
