// Owns why a file that exists cannot be executed: its mode, its mount, its contents, or the interpreter or loader that
// it needs, checked in the kernel's order.

import { O, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFMT, S_IFREG } from "../sys/constants.ts";
import type { Read } from "../sys/elf.ts";
import { ENOEXEC } from "../sys/errno.ts";
import { open, readHead, trySeek, withFd } from "../sys/file.ts";
import { fdPath } from "../sys/mount.ts";
import { type Stat, statx } from "../sys/stat.ts";
import type { Budget } from "./budget.ts";
import { type Contents, contentsOf, HEAD_BYTES } from "./contents.ts";
import { type Elf, ET_CORE, ET_REL, machineOf, parseElf, runsOn } from "./elf.ts";
import { libcHint, missingLibraries } from "./libraries.ts";
import { hostPath, noexecReason } from "./mounts.ts";
import { joinHints } from "./names.ts";
import { mayExecute, NOT_EXECUTABLE, ownership, type Place, quoted, type Reason, shown } from "./place.ts";
import { type Source, unreached } from "./reach.ts";
import { openFound, walk } from "./walk.ts";

const unfit = (what: string, hint?: string): Reason => ({ what, status: NOT_EXECUTABLE, hint });

/** A regular file. `at` is its path without symbolic links, `fd` is O_PATH, `read` reads parts of it. */
interface File {
  path: string;
  at: string;
  fd: number;
  stat: Stat;
  read: Read;
}

/**
 * Returns why execve(2) of a file fails with this errno; undefined where nothing is wrong with it. `depth` is 0 for the
 * command itself, and counts the #! lines that lead to an interpreter.
 */
export function reasonFor(place: Place, path: string, errno: number, depth = 0): Reason | undefined {
  return examine(place, path, depth === 0 ? "person" : "file", (file) => {
    const contents = contentsOf(file.read(0, 2 * HEAD_BYTES));
    switch (contents.kind) {
      case "script":
        return scriptReason(place, contents, file, errno, depth);
      case "elf":
        return elfReason(place, parseElf(file.read, file.stat.size), errno);
      default:
        return formatReason(place, contents, file);
    }
  });
}

/** Walks to a file and checks its mount and mode; calls `use` with the file where these allow to execute it. */
function examine(
  place: Place,
  path: string,
  source: Source,
  use: (file: File) => Reason | undefined,
): Reason | undefined {
  const walked = walk(place, path);
  const reason = unreached(place, path, walked, source);
  if (reason) return reason;
  return withFd(openFound(place, walked.at), (fd) => {
    const stat = statx(fd);
    if ((stat.mode & S_IFMT) !== S_IFREG) return unfit(`${kindOf(stat)}, not a program`);
    const forbidden = noexecReason(place, fd) ?? modeReason(place, walked.at, fd, stat);
    if (forbidden) return forbidden;
    // opened through its O_PATH descriptor, so it is the inode that was checked: opening a regular file has no effect
    return withFd(open(fdPath(fd), O.O_NONBLOCK | O.O_NOCTTY), (readable) =>
      use({ path, at: walked.at, fd, stat, read: reader(place.budget, readable) }),
    );
  });
}

function reader(budget: Budget, fd: number): Read {
  return (offset, length) => {
    budget.spend(length);
    if (trySeek(fd, offset) < 0) return new Uint8Array();
    return readHead(fd, length);
  };
}

function kindOf({ mode }: Stat): string {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return "a directory";
    case S_IFIFO:
      return "a FIFO";
    case S_IFCHR:
    case S_IFBLK:
      return "a device";
    default:
      return "a socket";
  }
}

function modeReason(place: Place, at: string, fd: number, stat: Stat): Reason | undefined {
  if (mayExecute(place.who, stat)) return undefined;
  const host = hostPath(place, at, fd);
  if ((stat.mode & 0o111) === 0)
    return unfit(`it has no x bit (${ownership(stat)})`, host && `chmod +x ${host}`);
  return unfit(
    `user ${place.spec.process.user.uid} may not execute it (${ownership(stat)})`,
    host && `chmod a+rx ${host}, or run as another user (-u)`,
  );
}

/** The kernel follows this many interpreters that are scripts themselves (fs/exec.c). */
const MOST_INTERPRETERS = 5;

function scriptReason(
  place: Place,
  { interpreter, tooLong }: Extract<Contents, { kind: "script" }>,
  file: File,
  errno: number,
  depth: number,
): Reason | undefined {
  if (tooLong)
    return unfit(`its #! line is too long: the kernel looks for an interpreter in ${HEAD_BYTES} bytes`);
  if (interpreter === undefined) return unfit("its #! line names no interpreter");
  if (depth >= MOST_INTERPRETERS)
    return {
      ...unfit("the interpreters of its #! lines are scripts, more of them than the kernel follows"),
      whole: true,
    };
  if (interpreter.endsWith("\r")) {
    const host = hostPath(place, file.at, file.fd) ?? quoted(file.at);
    return unfit(
      `its #! line ends in CR LF (a Windows file), so its interpreter is "${shown(interpreter.slice(0, -1))}\\r"`,
      `convert it: sed -i 's/\\r$//' ${host}`,
    );
  }
  const reason = reasonFor(place, interpreter, errno, depth + 1);
  if (!reason || reason.whole) return reason;
  return unfit(`its #! interpreter ${shown(interpreter)}: ${reason.what}`, reason.hint);
}

function formatReason(
  place: Place,
  contents: Extract<Contents, { kind: "empty" | "text" | "other" }>,
  file: File,
): Reason {
  const host = hostPath(place, file.at, file.fd) ?? quoted(file.at);
  if (contents.kind === "empty") return unfit("the file is empty");
  if (contents.kind === "other")
    return unfit(
      contents.name
        ? `this is ${contents.name}, not a Linux program`
        : "neither a Linux program nor a script",
    );
  if (contents.why === "mark")
    return unfit(
      "a byte order mark stands before its #! line",
      `remove it: sed -i '1s/^\\xEF\\xBB\\xBF//' ${host}`,
    );
  if (contents.why === "blank")
    return unfit("its #! line is not at the very start", "let the file begin with the two characters #!");
  return unfit(
    "a text without a #! line: the kernel does not know what runs it",
    `for a shell script, make #!/bin/sh its first line: sed -i '1i #!/bin/sh' ${host}`,
  );
}

const ET_EXEC = 2;
const ET_DYN = 3;

const hostName = process.arch === "arm64" ? "aarch64" : "x86_64";

const withArticle = (machine: string): string =>
  `${/^(aarch|arm|ia64|m68k|s390|x)/.test(machine) ? "an" : "a"} ${machine}`;

/** What is wrong with an ELF file by itself, for this host. */
function elfFault(elf: Elf, errno: number): Reason | undefined {
  if (elf.machine !== 0 && runsOn(process.arch, elf) === "no")
    return unfit(
      `this is ${withArticle(machineOf(elf))} program, the host is ${hostName}`,
      `use a build for ${hostName}, or register qemu-user with binfmt_misc (flag F) on the host`,
    );
  if (elf.type === ET_REL) return unfit("an object file that is not linked yet, not a program");
  if (elf.type === ET_CORE) return unfit("a core dump, not a program");
  if (elf.damage) return unfit(elf.damage, "copy or download it again");
  if (elf.type !== ET_EXEC && elf.type !== ET_DYN) return unfit("a damaged ELF program: its type is unknown");
  if (runsOn(process.arch, elf) === "32-bit" && errno === ENOEXEC)
    return unfit(
      `this is ${withArticle(machineOf(elf))} program, and the host's kernel runs no 32-bit programs`,
      `use a build for ${hostName}`,
    );
  return undefined;
}

function elfReason(place: Place, elf: Elf, errno: number): Reason | undefined {
  const fault = elfFault(elf, errno);
  if (fault || elf.loader === undefined) return fault;
  const loader = elf.loader;
  // the kernel ignores a loader's own PT_INTERP, so the loader is the last file to check
  const reason = examine(place, loader, "file", (file) => {
    if (contentsOf(file.read(0, HEAD_BYTES)).kind !== "elf") return unfit("not an ELF file");
    return elfFault(parseElf(file.read, file.stat.size), ENOEXEC);
  });
  if (!reason) return undefined;
  const libraries = missingLibraries(place, elf).map(shown);
  const more = libraries.length > 4 ? [...libraries.slice(0, 3), `${libraries.length - 3} more`] : libraries;
  const also = more.length > 0 ? `; of its libraries there is no ${more.join(", ")}` : "";
  return unfit(
    `its loader ${shown(loader)}: ${reason.what}${also}`,
    reason.status === NOT_EXECUTABLE ? reason.hint : joinHints(libcHint(place, loader)),
  );
}
