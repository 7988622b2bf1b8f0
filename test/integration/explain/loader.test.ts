// What minibox says, word for word, when the command cannot be executed: the loader of a dynamic program.

import { describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { makeElf } from "../../support/elf.ts";
import { isX64, makeRoot, onX64, reason, says } from "../../support/explain.ts";

const { scratch, root, put, run } = makeRoot();

describe.skipIf(reason !== "" || !isX64)(
  onX64(`a dynamic program without its loader ends with 126${reason && `: ${reason}`}`),
  () => {
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
      expect(run(["/d/app2"])).toEqual(says(126, "/d/app2: its loader /d/loader-text: not an ELF file"));
    });
  },
);
