// Owns: what a person reads when the command cannot be executed, word for word, and the exit status, each with the
// compiled binary on a rootfs made for it.

import { dlopen, FFIType, ptr } from "bun:ffi";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type ElfParts, makeElf } from "../support/elf.ts";

process.umask(0o022);
const minibox = process.env.MINIBOX ?? "./minibox";
const scratch = realpathSync(mkdtempSync(join(tmpdir(), "explain-test-")));
const root = join(scratch, "root");
const SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const ON_HOST = "it exists on the host, but a container sees only its rootfs";
const busybox = Bun.which("busybox");
const isX64 = process.arch === "x64";
const skipped = process.getuid?.() !== 0 || busybox === null;

type Content = string | Uint8Array;

/** Writes a file into the rootfs, with its directories. */
function put(path: string, content: Content, mode = 0o755, into = root): string {
  const file = join(into, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  chmodSync(file, mode);
  return file;
}

const link = (path: string, target: string): void => symlinkSync(target, join(root, path));

const libc = dlopen("libc.so.6", {
  setxattr: { args: [FFIType.ptr, FFIType.ptr, FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i32 },
});

function setAttribute(file: string, name: string, value: Uint32Array): void {
  const text = (word: string) => ptr(Buffer.from(`${word}\0`));
  expect(libc.symbols.setxattr(text(file), text(name), ptr(value), value.byteLength, 0)).toBe(0);
}

interface Told {
  said: string;
  status: number;
}

/** Runs minibox; what it said comes without the "minibox: " before it. */
function run(words: string[], { flags = [] as string[], rootfs = root, prefix = [] as string[] } = {}): Told {
  const ran = Bun.spawnSync([...prefix, minibox, "run", ...flags, rootfs, ...words], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 20_000,
  });
  return {
    said: ran.stderr
      .toString()
      .trimEnd()
      .replace(/^minibox: /, ""),
    status: ran.exitCode,
  };
}

/** The line and, where there is one, the hint below it. */
const says = (status: number, line: string, hint?: string): Told => ({
  said: hint === undefined ? line : `${line}\n  ${hint}`,
  status,
});

beforeAll(() => {
  if (busybox === null) return;
  put("/bin/busybox", "");
  copyFileSync(busybox, join(root, "bin/busybox"));
  chmodSync(join(root, "bin/busybox"), 0o755);
  for (const name of ["sh", "ls", "cat", "true", "env"]) link(`bin/${name}`, "busybox");
  put("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n", 0o644);
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe.skipIf(skipped)("a path that leads to no file ends with 127", () => {
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
    expect(run(["/bin/a\u001b[31m\nb"]).said).toBe('"/bin/a\\u001b[31m\\nb": no such file in the rootfs');
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

describe.skipIf(skipped)("a name that is looked for", () => {
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
        "the command is an empty word",
        "is a variable of the calling script not set? the command follows the rootfs: /bin/sh",
      ),
    );
  });

  test("is a whole command line", () => {
    const hint = "it is one word with blanks in it: give ls and its arguments as words of their own";
    expect(run(["ls -l"])).toEqual(says(127, `ls -l: not found on the PATH ${SEARCHED}`, hint));
    expect(run(["ls -l /"])).toEqual(
      says(127, 'ls -l /: the rootfs has no directory "/ls -l " (the working directory is /)', hint),
    );
  });

  test("is a word of the shell's own", () => {
    expect(run(["export", "A=1"])).toEqual(
      says(
        127,
        `export: not found on the PATH ${SEARCHED}`,
        "it is a word of the shell's own: /bin/sh -c '…'",
      ),
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

describe.skipIf(skipped)("a script that cannot be executed ends with 126", () => {
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
});

describe.skipIf(skipped)("a file that is no program for this host ends with 126", () => {
  const elf = (name: string, parts: ElfParts, cut?: number): void => {
    put(`/e/${name}`, makeElf(parts).subarray(0, cut));
  };

  test("an empty file", () => {
    put("/e/empty", "");
    expect(run(["/e/empty"])).toEqual(says(126, "/e/empty: the file is empty"));
  });

  test("a directory", () => {
    expect(run(["/bin"])).toEqual(says(126, "/bin: a directory, not a program"));
  });

  test("a FIFO and a device: neither is opened", () => {
    Bun.spawnSync(["mkfifo", "-m", "755", join(root, "e/fifo")]);
    expect(run(["/e/fifo"])).toEqual(says(126, "/e/fifo: a FIFO, not a program"));
    expect(run(["/dev/null"])).toEqual(says(126, "/dev/null: a device, not a program"));
    put("/e/by-fifo", "#!/e/fifo\n");
    expect(run(["/e/by-fifo"])).toEqual(
      says(126, "/e/by-fifo: its #! interpreter /e/fifo: a FIFO, not a program"),
    );
  });

  test.skipIf(!isX64)("another machine's program", () => {
    const hint = "use a build for x86_64, or register qemu-user with binfmt_misc (flag F) on the host";
    elf("arm64", { machine: 183 });
    expect(run(["/e/arm64"])).toEqual(
      says(126, "/e/arm64: this is an aarch64 program, the host is x86_64", hint),
    );
    elf("riscv", { machine: 243, loader: "/lib/ld-linux-riscv64-lp64d.so.1" });
    expect(run(["/e/riscv"])).toEqual(
      says(126, "/e/riscv: this is a riscv64 program, the host is x86_64", hint),
    );
    elf("s390x", { machine: 22, bigEndian: true });
    expect(run(["/e/s390x"])).toEqual(
      says(126, "/e/s390x: this is an s390x program, the host is x86_64", hint),
    );
    elf("arm", { machine: 40, bits: 32 });
    expect(run(["/e/arm"])).toEqual(
      says(126, "/e/arm: this is an arm (32-bit) program, the host is x86_64", hint),
    );
    elf("odd", { machine: 4711 });
    expect(run(["/e/odd"])).toEqual(
      says(126, "/e/odd: this is a machine-4711 program, the host is x86_64", hint),
    );
  });

  test.skipIf(!isX64)("an interpreter of another machine", () => {
    elf("arm-sh", { machine: 183 });
    put("/e/by-arm", "#!/e/arm-sh\n");
    expect(run(["/e/by-arm"]).said).toStartWith(
      "/e/by-arm: its #! interpreter /e/arm-sh: this is an aarch64 program, the host is x86_64\n",
    );
  });

  test.skipIf(!isX64)("a 32-bit program of a kind that the kernel does not run", () => {
    elf("x32", { bits: 32, machine: 62 });
    const { said, status } = run(["/e/x32"]);
    // a kernel with CONFIG_X86_X32_ABI starts it, and it dies of the nothing in it
    if (status < 128)
      expect({ said, status }).toEqual(
        says(
          126,
          "/e/x32: this is an x32 program, and the host's kernel runs no 32-bit programs",
          "use a build for x86_64",
        ),
      );
  });

  test.skipIf(!isX64)("an object file, a core dump", () => {
    elf("object.o", { type: 1 });
    expect(run(["/e/object.o"])).toEqual(
      says(126, "/e/object.o: an object file that is not linked yet, not a program"),
    );
    elf("core", { type: 4 });
    expect(run(["/e/core"])).toEqual(says(126, "/e/core: a core dump, not a program"));
  });

  test.skipIf(!isX64)("a program cut short", () => {
    elf("cut", {}, 40);
    expect(run(["/e/cut"])).toEqual(
      says(126, "/e/cut: an ELF program cut short: only 40 bytes are there", "copy or download it again"),
    );
    elf("cut2", {}, 70);
    expect(run(["/e/cut2"])).toEqual(
      says(126, "/e/cut2: an ELF program cut short: only 70 bytes are there", "copy or download it again"),
    );
  });

  test("other kinds of files", () => {
    put("/e/setup.exe", Uint8Array.of(0x4d, 0x5a, 0x90, 0, 3));
    expect(run(["/e/setup.exe"])).toEqual(
      says(126, "/e/setup.exe: this is a Windows program, not a Linux program"),
    );
    put("/e/data", Uint8Array.of(1, 2, 0, 3));
    expect(run(["/e/data"])).toEqual(says(126, "/e/data: neither a Linux program nor a script"));
  });
});

describe.skipIf(skipped || !isX64)("a dynamic program without its loader ends with 126", () => {
  const glibc = "/lib64/ld-linux-x86-64.so.2";
  const musl = "/lib/ld-musl-x86_64.so.1";

  test("the host's own program in a rootfs without libc", () => {
    put("/d/true", "");
    copyFileSync(Bun.which("env")!, join(root, "d/true"));
    expect(run(["/d/true"])).toEqual(
      says(
        126,
        `/d/true: its loader ${glibc}: the rootfs has no directory /lib64; of its libraries there is no libc.so.6`,
        "it is built for glibc, and the rootfs has no libc: use a static build, or copy what ldd names on the host",
      ),
    );
  });

  test("as the interpreter of a script", () => {
    put("/d/dynamic", makeElf({ loader: glibc }));
    put("/d/script", "#!/d/dynamic\n");
    expect(run(["/d/script"]).said).toStartWith(
      `/d/script: its #! interpreter /d/dynamic: its loader ${glibc}: the rootfs has no directory /lib64\n`,
    );
  });

  test("a glibc program on musl, and its libraries that are missing", () => {
    const alpine = join(scratch, "alpine");
    put(musl, "x", 0o755, alpine);
    put("/usr/lib/libz.so.1", "x", 0o644, alpine);
    put(
      "/bin/app",
      makeElf({ loader: glibc, needed: ["libz.so.1", "libcurl.so.4", "libc.so.6"] }),
      0o755,
      alpine,
    );
    expect(run(["app"], { rootfs: alpine })).toEqual(
      says(
        126,
        `/bin/app: its loader ${glibc}: the rootfs has no directory /lib64; of its libraries there is no libcurl.so.4, libc.so.6`,
        "it is built for glibc, the rootfs has musl (as Alpine does): use a musl or static build, or a glibc rootfs",
      ),
    );
  });

  test("a musl program on glibc", () => {
    const debian = join(scratch, "debian");
    put(glibc, "x", 0o755, debian);
    mkdirSync(join(debian, "lib"));
    put("/bin/app", makeElf({ loader: musl }), 0o755, debian);
    expect(run(["app"], { rootfs: debian })).toEqual(
      says(
        126,
        `/bin/app: its loader ${musl}: no such file in the rootfs`,
        "it is built for musl, the rootfs has glibc: use a glibc or static build, or a musl rootfs",
      ),
    );
  });

  test("a program built by Nix", () => {
    put("/d/nix", makeElf({ loader: "/nix/store/abc-glibc-2.40/lib/ld-linux-x86-64.so.2" }));
    expect(run(["/d/nix"])).toEqual(
      says(
        126,
        "/d/nix: its loader /nix/store/abc-glibc-2.40/lib/ld-linux-x86-64.so.2: the rootfs has no directory /nix",
        "it was built by Nix and needs its store: -v /nix/store:/nix/store:ro",
      ),
    );
  });

  test("a loader that is there and does not do", () => {
    const file = put("/d/loader-no-x", makeElf({ type: 3 }), 0o644);
    put("/d/app1", makeElf({ loader: "/d/loader-no-x" }));
    expect(run(["/d/app1"])).toEqual(
      says(
        126,
        "/d/app1: its loader /d/loader-no-x: it has no x bit (mode 0644, owner 0:0)",
        `chmod +x ${file}`,
      ),
    );
    put("/d/loader-text", "hello\n");
    put("/d/app2", makeElf({ loader: "/d/loader-text" }));
    expect(run(["/d/app2"])).toEqual(says(126, "/d/app2: its loader /d/loader-text: no ELF file"));
  });
});

describe.skipIf(skipped)("a file that may not be executed ends with 126", () => {
  test("its mode shuts this user out", () => {
    const file = put("/p/owner-only", "#!/bin/sh\n", 0o744);
    expect(run(["/p/owner-only"], { flags: ["-u", "1000:1000"] })).toEqual(
      says(
        126,
        "/p/owner-only: user 1000 may not execute it (mode 0744, owner 0:0)",
        `chmod a+rx ${file}, or run as another user (-u)`,
      ),
    );
    chownSync(file, 0, 1000);
    chmodSync(file, 0o654);
    expect(run(["/p/owner-only"], { flags: ["-u", "1001:1000"] }).status).toBe(0);
  });

  test("a directory on its way shuts this user out", () => {
    put("/q/inner/run", "#!/bin/sh\n");
    chmodSync(join(root, "q"), 0o750);
    expect(run(["/q/inner/run"], { flags: ["-u", "1000:1000"] })).toEqual(
      says(
        126,
        "/q/inner/run: user 1000 may not enter /q (mode 0750, owner 0:0)",
        `chmod a+x ${root}/q, or run as another user (-u)`,
      ),
    );
  });

  test("a volume with noexec, and how to allow it", () => {
    const volume = join(scratch, "tools");
    put("run", "#!/bin/sh\n", 0o755, volume);
    expect(run(["/t/run"], { flags: ["-v", `${volume}:/t:ro,noexec`] })).toEqual(
      says(
        126,
        "/t/run: /t is mounted noexec: no file in there can be executed",
        `mount it with exec: -v ${volume}:/t:ro,exec`,
      ),
    );
  });

  test("the volume's own path is named where its mode is wrong", () => {
    const volume = join(scratch, "tools2");
    put("run", "#!/bin/sh\n", 0o644, volume);
    expect(run(["/t/run"], { flags: ["-v", `${volume}:/t`] })).toEqual(
      says(126, "/t/run: it has no x bit (mode 0644, owner 0:0)", `chmod +x ${volume}/run`),
    );
  });

  test("an interpreter on a mount with noexec", () => {
    const volume = join(scratch, "tools3");
    put("interp", "#!/bin/sh\n", 0o755, volume);
    put("/p/by-noexec", "#!/t/interp\n");
    expect(run(["/p/by-noexec"], { flags: ["-v", `${volume}:/t:noexec`] }).said).toStartWith(
      "/p/by-noexec: its #! interpreter /t/interp: /t is mounted noexec: no file in there can be executed\n",
    );
  });

  test("a file of /proc", () => {
    expect(run(["/proc/version"])).toEqual(
      says(
        126,
        "/proc/version: /proc is mounted noexec: no file in there can be executed",
        "put the program elsewhere in the rootfs",
      ),
    );
  });

  test("what only the process itself can see is not guessed at", () => {
    expect(run(["/proc/self/nope"])).toEqual(says(127, "/proc/self/nope: ENOENT: no such file or directory"));
  });

  test("a rootfs on a file system with noexec", () => {
    const place = join(scratch, "noexec");
    mkdirSync(place);
    const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "noexec", "tmpfs", place]);
    expect(mounted.exitCode).toBe(0);
    try {
      put("/bin/run", "#!/bin/sh\n", 0o755, place);
      expect(run(["run"], { rootfs: place })).toEqual(
        says(
          126,
          "/bin/run: the rootfs is mounted noexec: no file in there can be executed",
          "the host has mounted the rootfs's file system noexec: mount -o remount,exec it, or put the rootfs elsewhere",
        ),
      );
    } finally {
      Bun.spawnSync(["umount", place]);
    }
  });

  test("symbolic links on a volume with nosymfollow", () => {
    const volume = join(scratch, "linked");
    mkdirSync(volume);
    symlinkSync("/bin/true", join(volume, "true"));
    expect(run(["/t/true"], { flags: ["-v", `${volume}:/t:nosymfollow`] })).toEqual(
      says(127, "/t/true: /t/true is a symbolic link on a mount with nosymfollow: it is not followed"),
    );
  });

  test("a file that is open for writing", () => {
    const file = put("/p/busy", makeElf());
    const fd = openSync(file, "r+");
    try {
      expect(run(["/p/busy"])).toEqual(
        says(
          126,
          "/p/busy: it is open for writing: a program cannot be executed while it is written",
          "wait until the copy or the download has ended; fuser -v FILE on the host names who writes it",
        ),
      );
    } finally {
      closeSync(fd);
    }
  });

  test.skipIf(Bun.which("setpriv") === null)("file capabilities", () => {
    put("/p/capable", "");
    const file = join(root, "p/capable");
    copyFileSync(busybox!, file);
    chmodSync(file, 0o755);
    // struct vfs_ns_cap_data, version 2, effective: CAP_WAKE_ALARM (35) permitted
    setAttribute(file, "security.capability", Uint32Array.of(0x02000001, 0, 0, 1 << 3, 0));
    const prefix = ["setpriv", "--bounding-set", "-wake_alarm", "--inh-caps", "-wake_alarm"];
    expect(run(["/p/capable"], { prefix })).toEqual(
      says(
        126,
        "/p/capable: it has file capabilities (setcap) that the container is not allowed",
        `getcap ${file} shows them, setcap -r ${file} removes them`,
      ),
    );
  });

  test("an access control list, which stands for whatever no mode and no mount shows", () => {
    const file = put("/p/listed", "#!/bin/sh\n", 0o755);
    // posix_acl_xattr.h, version 2: of all the world only user 1000 may nothing
    const [OWNER, USER, GROUP, MASK, OTHER, none] = [1, 2, 4, 16, 32, 0xffffffff];
    const entries = [
      [OWNER, 7, none],
      [USER, 0, 1000],
      [GROUP, 5, none],
      [MASK, 5, none],
      [OTHER, 5, none],
    ];
    const words = entries.flatMap(([tag, allowed, id]) => [tag! | (allowed! << 16), id!]);
    setAttribute(file, "system.posix_acl_access", Uint32Array.of(2, ...words));
    const { said, status } = run(["/p/listed"], { flags: ["-u", "1000:1000"] });
    expect(status).toBe(126);
    expect(said).toMatch(
      /^\/p\/listed: EACCES: permission denied, though its mode and its mount allow it\n {2}an access control list \(getfacl\) or a security module forbids it( \(active: .*\))?: see dmesg$/,
    );
    expect(run(["/p/listed"], { flags: ["-u", "1001:1001"] }).status).toBe(0);
  });
});

describe.skipIf(skipped)("limits that keep a program from starting", () => {
  test("arguments and environment are too large together", () => {
    const words = Array.from({ length: 4 }, () => "x".repeat(100_000));
    const { said, status } = run(["/bin/true", ...words], { flags: ["--ulimit", "stack=1048576"] });
    expect(status).toBe(126);
    expect(said).toMatch(
      /^\/bin\/true: arguments and environment are 400\d\d\d bytes together, with a pointer for each of \d+ words; the limit is 262144\n {2}the limit is a quarter of that for the stack \(--ulimit stack=BYTES\), at most 6291456; or pass it in a file \(-v\) or through stdin$/,
    );
  });

  test("one variable is too long", () => {
    const file = join(scratch, "env");
    writeFileSync(file, `BIG=${"x".repeat(200_000)}\n`);
    const { said, status } = run(["/bin/true"], { flags: ["--env-file", file] });
    expect(status).toBe(126);
    expect(said).toMatch(
      /^\/bin\/true: the variable BIG is 200004 bytes long, \d+ is the limit for one\n {2}pass it in a file \(-v\) or through stdin$/,
    );
  });

  test.skipIf(Bun.which("setpriv") === null)("the user has too many processes", () => {
    // the kernel counts those that are there before the container's own
    const other = Bun.spawn(["setpriv", "--reuid", "4242", "--clear-groups", "--", "sleep", "20"]);
    try {
      Bun.sleepSync(200);
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

describe.skipIf(skipped)("whatever the way to run it", () => {
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
    const after = said.slice(said.indexOf("execve("));
    expect(after).toContain("its loader ../../../../etc/passwd: it has no x bit (mode 0644, owner 0:0)");
    expect(after).not.toContain("openat");
  });
});
