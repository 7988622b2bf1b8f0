// Users that only the host's name services know (nsswitch.conf(5)), with ranges of ids that only they know too.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compile } from "../support/attack.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, type Result, skipped, skipReason } from "../support/minibox.ts";
import { makePlace, type Place, UID, ALONE as UNKNOWN, userWords } from "../support/user.ts";

setDefaultTimeout(60_000);
leavesNothing();

/** Users by libnss-extrausers, whose table is where no other program looks. */
const needs = ["setpriv", "unshare", "newuidmap", "newgidmap", "getent", "getsubids", "cc"];
let reason = skipReason(...needs);
if (!reason && !existsSync("/usr/lib/libnss_extrausers.so.2")) {
  if (process.env.CI === "true") throw new Error("CI must have libnss-extrausers");
  reason = skipped("needs libnss-extrausers");
}

/** libsubid's way to other sources: one range for the user "directory", as FreeIPA or LDAP would give it. */
const PLUGIN = `#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
struct range { unsigned long start, count; };
int shadow_subid_has_range(const char *owner, unsigned long start, unsigned long count, int type, bool *has) {
  *has = !strcmp(owner, "directory") && start >= 810000 && start + count <= 875536;
  return 0;
}
int shadow_subid_find_subid_owners(unsigned long id, int type, unsigned **owners, int *count) {
  *count = 0;
  return 0;
}
int shadow_subid_list_owner_ranges(const char *owner, int type, struct range **ranges, int *count) {
  *count = 0;
  if (strcmp(owner, "directory")) return 1;
  *ranges = malloc(sizeof **ranges);
  **ranges = (struct range){810000, 65536};
  *count = 1;
  return 0;
}`;

let place: Place;
beforeAll(() => {
  if (reason) return;
  place = makePlace();
  mkdirSync(join(place.path, "lib"));
  mkdirSync(join(place.path, "extrausers"));
  writeFileSync(
    join(place.path, "extrausers/passwd"),
    `directory:x:${UID}:${UID}::/home/directory:/bin/sh\n`,
  );
});
afterAll(() => place?.remove());

/** A mount namespace in which the host has these files over its own, and these words of nsswitch.conf. */
const SCRIPT = `set -e
for table in passwd subuid subgid nsswitch.conf; do mount --bind "$0/etc/$table" "/etc/$table"; done
mount --bind "$0/extrausers" /var/lib/extrausers
libraries=$(dirname "$(ldd /usr/bin/getsubids | sed -n 's/.*=> \\(.*libsubid[^ ]*\\) .*/\\1/p')")
libraries=$(realpath "$libraries")
mount -t overlay overlay -o "lowerdir=$0/lib:$libraries" "$libraries"
exec "$@"`;

interface Tables {
  passwd?: string;
  subuid?: string;
  subgid?: string;
  nsswitch?: string;
}

function onHost(tables: Tables, words: string[]): Promise<Result> {
  const write = (name: string, text: string) => writeFileSync(join(place.path, "etc", name), text);
  const passwd = readFileSync("/etc/passwd", "utf8");
  write("passwd", passwd + (tables.passwd ?? ""));
  write("subuid", tables.subuid ?? "");
  write("subgid", tables.subgid ?? "");
  write("nsswitch.conf", `passwd: files\ngroup: files\n${tables.nsswitch ?? ""}`);
  return execute(["unshare", "--mount", "sh", "-c", SCRIPT, place.path, ...userWords(words)], { cwd: "/" });
}

const maps = (tables: Tables) =>
  onHost(tables, [
    place.minibox,
    "run",
    place.rootfs,
    "cat",
    "/proc/self/uid_map",
    "/proc/self/gid_map",
  ]).then(({ stdout, stderr }) => ({
    maps: stdout
      .trim()
      .split("\n")
      .map((line) => line.trim().replace(/ +/g, " ")),
    stderr,
  }));

const ALONE = "minibox: the container has one user id and one group id, the caller's: ";
const EXTRA = "passwd: files extrausers\n";
const mapped = (start: number, size = 65_536) => {
  const both = [`0 ${UID} 1`, `1 ${start} ${size}`];
  return { maps: [...both, ...both], stderr: "" };
};

describe.skipIf(reason !== "")("a user that /etc/passwd does not have", () => {
  test("has the ranges of its name", async () => {
    const rows = "directory:800000:65536\n";
    expect(await maps({ nsswitch: EXTRA, subuid: rows, subgid: rows })).toEqual(mapped(800_000));
  });

  test("has the ranges of its number", async () => {
    const rows = `${UID}:820000:65536\n`;
    expect(await maps({ nsswitch: EXTRA, subuid: rows, subgid: rows })).toEqual(mapped(820_000));
  });

  test("has the ranges that libsubid finds elsewhere", async () => {
    const library = compile(PLUGIN, ["-shared", "-fPIC"]);
    await execute(["cp", library, join(place.path, "lib/libsubid_minitest.so")]);
    const nsswitch = `${EXTRA}subid: minitest\n`;
    expect(await maps({ nsswitch })).toEqual(mapped(810_000));
  });

  test("that nobody knows is alone, and told so", async () => {
    expect(await maps({})).toEqual({ maps: [`0 ${UID} 1`, `0 ${UID} 1`], stderr: UNKNOWN });
    expect(UNKNOWN).toStartWith(`${ALONE}no user has the id ${UID} (getent passwd ${UID}), and newuidmap`);
  });

  test("that nobody knows, but for a range of its number, hears newuidmap say so", async () => {
    const rows = `${UID}:820000:65536\n`;
    const { maps: found, stderr } = await maps({ subuid: rows, subgid: rows });
    expect(found).toEqual([`0 ${UID} 1`, `0 ${UID} 1`]);
    expect(stderr).toContain("newuidmap: Cannot determine your user name");
    expect(stderr).toContain("minibox: further ids could not be mapped");
  });
});

describe.skipIf(reason !== "")("name services that do not answer", () => {
  test("keep no container from starting", async () => {
    const directory = join(place.path, "extrausers");
    const rows = readFileSync(join(directory, "passwd"));
    rmSync(join(directory, "passwd"));
    // by the user itself: setpriv asks too
    chmodSync(directory, 0o777);
    const wait = ["sh", "-c", 'mkfifo /var/lib/extrausers/passwd && exec "$@"', "sh"];
    const { stdout, stderr } = await onHost({ nsswitch: EXTRA }, [
      ...wait,
      ...[place.minibox, "run", place.rootfs, "echo", "started"],
    ]);
    rmSync(join(directory, "passwd"));
    writeFileSync(join(directory, "passwd"), rows);
    expect(stdout).toBe("started\n");
    expect(stderr).toStartWith(`${ALONE}no user has the id ${UID}`);
  });
});

describe.skipIf(reason !== "")("a user without a range", () => {
  test("is told how to get one, and it works", async () => {
    const { maps: found, stderr } = await maps({ nsswitch: EXTRA });
    expect(found).toEqual([`0 ${UID} 1`, `0 ${UID} 1`]);
    const hint =
      /\(root adds one: echo (directory:(\d+):65536) \| tee -a \/etc\/subuid \/etc\/subgid\)\n$/.exec(stderr);
    expect(stderr).toStartWith(`${ALONE}the user directory has no range in /etc/subuid and /etc/subgid (`);
    const rows = `${hint?.[1]}\n`;
    expect(await maps({ nsswitch: EXTRA, subuid: rows, subgid: rows })).toEqual(mapped(Number(hint?.[2])));
  });

  test("of groups alone is told that", async () => {
    const { stderr } = await maps({ nsswitch: EXTRA, subuid: "directory:800000:65536\n" });
    expect(stderr).toContain("the user directory has no range in /etc/subgid (");
    expect(stderr).toContain("| tee -a /etc/subgid)");
  });

  test("is not told with --quiet", async () => {
    const words = [place.minibox, "run", "--quiet", place.rootfs, "true"];
    expect(await onHost({}, words)).toEqual({ status: 0, stdout: "", stderr: "" });
  });
});

describe.skipIf(reason !== "")("tables", () => {
  test("of more than 1 MiB are read to their end", async () => {
    const many = (row: (id: number) => string) => Array.from({ length: 40_000 }, (_, i) => row(i)).join("");
    const ranges = `${many((id) => `somebody-else-${id}:${3_000_000_000 + id}:1\n`)}minitest:830000:65536\n`;
    expect(ranges.length).toBeGreaterThan(1 << 20);
    const people = many((id) => `somebody-else-${id}:x:${200_000 + id}:100::/home:/bin/sh\n`);
    expect(people.length).toBeGreaterThan(1 << 20);
    const passwd = `${people}minitest:x:${UID}:${UID}::/:/bin/sh\n`;
    expect(await maps({ passwd, subuid: ranges, subgid: ranges })).toEqual(mapped(830_000));
  });

  test("with comments, blanks and CR LF are read as shadow reads them, or newuidmap says no", async () => {
    const rows = "# minitest:1:1\n\nminitest:830000:65536\n";
    const passwd = `\n# minitest:x:1\nminitest:x:${UID}:${UID}::/:/bin/sh\n`;
    expect(await maps({ passwd, subuid: rows, subgid: rows })).toEqual(mapped(830_000));
  });
});

describe.skipIf(reason !== "")("--userns auto of root", () => {
  test("takes a range that libsubid finds elsewhere", async () => {
    const library = compile(PLUGIN.replaceAll('"directory"', '"containers"'), ["-shared", "-fPIC"]);
    await execute(["cp", library, join(place.path, "lib/libsubid_minitest.so")]);
    const words = [place.minibox, "run", "--userns", "auto", place.rootfs, "cat", "/proc/self/uid_map"];
    for (const name of ["passwd", "subuid", "subgid"]) writeFileSync(join(place.path, "etc", name), "");
    writeFileSync(join(place.path, "etc/passwd"), readFileSync("/etc/passwd"));
    writeFileSync(join(place.path, "etc/nsswitch.conf"), "passwd: files\ngroup: files\nsubid: minitest\n");
    const { stdout, stderr } = await execute([
      "unshare",
      "--mount",
      "sh",
      "-c",
      SCRIPT,
      place.path,
      ...words,
    ]);
    // a sixteenth of the range, and its last id is that of nobody
    expect({ stdout: stdout.trim().split(/\s+/), stderr }).toEqual({
      stdout: ["0", "810000", "4095", "65534", "814095", "1"],
      stderr: "",
    });
  });
});
