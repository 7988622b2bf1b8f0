// What minibox says, word for word, when the command cannot be executed: a file that is no program for this host.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type ElfParts, makeElf } from "../../support/elf.ts";
import { isX64, makeRoot, onX64, reason, says } from "../../support/explain.ts";

const { root, put, run } = makeRoot();

describe.skipIf(reason !== "")(
  `a file that is no program for this host ends with 126${reason && `: ${reason}`}`,
  () => {
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

    test.skipIf(!isX64)(onX64("another machine's program"), () => {
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

    test.skipIf(!isX64)(onX64("an interpreter of another machine"), () => {
      elf("arm-sh", { machine: 183 });
      put("/e/by-arm", "#!/e/arm-sh\n");
      expect(run(["/e/by-arm"]).said).toStartWith(
        "/e/by-arm: its #! interpreter /e/arm-sh: this is an aarch64 program, the host is x86_64\n",
      );
    });

    test.skipIf(!isX64)(onX64("a 32-bit program of a kind that the kernel does not run"), () => {
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

    test.skipIf(!isX64)(onX64("an object file, a core dump"), () => {
      elf("object.o", { type: 1 });
      expect(run(["/e/object.o"])).toEqual(
        says(126, "/e/object.o: an object file that is not linked yet, not a program"),
      );
      elf("core", { type: 4 });
      expect(run(["/e/core"])).toEqual(says(126, "/e/core: a core dump, not a program"));
    });

    test.skipIf(!isX64)(onX64("a program cut short"), () => {
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
  },
);
