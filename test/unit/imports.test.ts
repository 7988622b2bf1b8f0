// Holds the direction of the imports: which room may know which, those for types alone included, and that nobody outside
// of sys/ calls the kernel in another way than by sys/'s functions.

import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const SRC = resolve(import.meta.dir, "../../src");
const transpiler = new Bun.Transpiler({ loader: "ts" });

interface Module {
  /** files of ours that are there at run time, relative to src */
  ours: string[];
  /** everything else: packages, node:*, bun:* */
  foreign: string[];
  /** loaded by import(), later or never */
  lazy: string[];
  /** TypeScript's view: also what is imported for its types alone */
  types: string[];
  code: string;
}

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
const modules = new Map<string, Module>();
const sources = new Map<string, string>();
for (const file of files) {
  // what runs while minibox is built is imported like anything else here
  const source = (await Bun.file(join(SRC, file)).text()).replaceAll(' with { type: "macro" }', "");
  sources.set(file, source);
  const local = (path: string): string => relative(SRC, resolve(SRC, dirname(file), path));
  const module: Module = {
    ours: [],
    foreign: [],
    lazy: [],
    types: [],
    code: transpiler.transformSync(source),
  };
  for (const { kind, path } of transpiler.scanImports(source)) {
    if (kind === "dynamic-import") module.lazy.push(path.startsWith(".") ? local(path) : path);
    else if (path.startsWith(".")) module.ours.push(local(path));
    else module.foreign.push(path);
  }
  for (const [, path] of source.matchAll(/^(?:import|export)\b[^;]*? from "(\.[^"]+)";/gms))
    module.types.push(local(path!));
  modules.set(file, module);
}

/** The room that a file lives in: its directory, or its own name for the few at the top. */
const room = (file: string): string => (file.includes("/") ? file.slice(0, file.indexOf("/")) : file);

/** What each room may import. Shared are errors.ts and json.ts, both leaves, and sync.ts, the protocol between the two sides. */
const ALLOWED: Record<string, string[]> = {
  "main.ts": ["child", "cli", "sys/phases.ts"],
  "errors.ts": [],
  "json.ts": [],
  "frames.ts": ["sys"],
  "sync.ts": [
    "frames.ts",
    "json.ts",
    "container/options.ts",
    "spec/types.ts",
    "spec/mount-operations.ts",
    "sys",
  ],
  cli: [
    "cgroup/types.ts",
    "container",
    "supervise",
    "userns",
    "explain",
    "attest",
    "network",
    "rootfs",
    "seccomp",
    "spec",
    "sys",
    "errors.ts",
    "sync.ts",
    "../package.json",
  ],
  container: ["network", "userns/types.ts", "cgroup", "spec", "json.ts", "sync.ts", "sys", "errors.ts"],
  supervise: ["container", "cgroup", "spec", "sync.ts", "sys"],
  userns: ["cgroup", "rootfs", "spec", "sync.ts", "sys", "errors.ts"],
  explain: ["rootfs", "spec", "child/process.ts", "sync.ts", "sys", "errors.ts"],
  attest: ["spec/types.ts", "sync.ts", "sys"],
  network: ["spec/types.ts", "sync.ts", "sys"],
  rootfs: ["spec", "sys", "errors.ts"],
  child: ["spec/types.ts", "spec/mount-operations.ts", "sync.ts", "sys", "seccomp"],
  cgroup: ["spec/types.ts", "sys", "errors.ts"],
  seccomp: ["spec/types.ts", "spec/check.ts", "spec/seccomp.ts", "sync.ts", "sys", "errors.ts", "json.ts"],
  spec: ["sys/errno.ts", "sys/constants.ts", "sys/names.ts", "sys/printable.ts", "errors.ts", "json.ts"],
  sys: [],
};

/** Everything that a file loads when it is loaded. */
function closure(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const next of modules.get(file)?.ours ?? []) closure(next, seen);
  return seen;
}

/** Everything that a file knows, be it for a type alone, and what that knows. */
function reach(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const next of modules.get(file)?.types ?? []) reach(next, seen);
  return seen;
}

test("the walk sees the sources", () => {
  expect(files.length).toBeGreaterThan(40);
  expect(modules.get("main.ts")?.ours.sort()).toEqual([
    "child/index.ts",
    "child/userns.ts",
    "cli/at-once.ts",
    "sys/phases.ts",
  ]);
  expect(modules.get("child/index.ts")?.types).toContain("sync.ts");
});

describe("imports run one way:", () => {
  test.each(files)("%s", (file) => {
    const own = room(file);
    const allowed = ALLOWED[own];
    if (!allowed) throw new Error(`src/${own} is a new room: say in this test what it may import`);
    const { types, ours, lazy } = modules.get(file)!;
    const wrong = [...new Set([...types, ...ours, ...lazy])].filter(
      (path) => room(path) !== own && !allowed.includes(room(path)) && !allowed.includes(path),
    );
    expect(wrong).toEqual([]);
  });

  test("no file comes back to itself, not even for a type", () => {
    const circular = files.filter((file) => modules.get(file)!.types.some((next) => reach(next).has(file)));
    expect(circular).toEqual([]);
  });
});

describe("the child", () => {
  const loaded = [...closure("child/userns.ts", closure("child/index.ts"))];

  test("loads no package, no node:*, and of Bun only the foreign function interface", () => {
    const foreign = new Set(loaded.flatMap((file) => modules.get(file)!.foreign));
    expect([...foreign]).toEqual(["bun:ffi"]);
  });

  test("loads nothing lazily and awaits nothing: Bun's threads keep the host's namespaces", () => {
    expect(loaded.filter((file) => modules.get(file)!.lazy.length > 0)).toEqual([]);
    expect(
      loaded.filter((file) => /\bawait\b|\basync\b(?!:)|\bPromise\b/.test(modules.get(file)!.code)),
    ).toEqual([]);
  });

  test("never prints", () => {
    expect(loaded.filter((file) => /\bconsole\.|process\.std/.test(modules.get(file)!.code))).toEqual([]);
  });
});

test("what every run loads has no package and no node:*", () => {
  const foreign = new Set(
    [...closure("cli/index.ts", closure("main.ts"))].flatMap((file) => modules.get(file)!.foreign),
  );
  expect([...foreign]).toEqual(["bun:ffi"]);
});

describe("the kernel is called", () => {
  test("through sys/libc.ts alone", () => {
    expect(files.filter((file) => /\bdlopen\(/.test(modules.get(file)!.code))).toEqual(["sys/libc.ts"]);
  });

  test("outside of sys/ by a function of its own for each call", () => {
    const raw = files.filter(
      (file) =>
        room(file) !== "sys" && /\b(?:call|attempt|cloneInto|addressOf)\(/.test(modules.get(file)!.code),
    );
    expect(raw).toEqual([]);
  });

  test("with constants that are written down once", async () => {
    const known = {
      ...(await import("../../src/sys/constants.ts")),
      ...(await import("../../src/sys/errno.ts")),
    };
    const names = Object.keys(known).filter((name) => typeof known[name as keyof typeof known] === "number");
    const written = new RegExp(`\\bconst (?:${names.join("|")}) =`);
    const places = files.filter((file) => written.test(sources.get(file)!));
    expect(places.sort()).toEqual(["sys/constants.ts", "sys/errno.ts"]);
  });

  test("with groups of constants that are only read by member, so that a start builds no table of them", async () => {
    const constants: Record<string, unknown> = await import("../../src/sys/constants.ts");
    const groups = Object.keys(constants).filter((name) => typeof constants[name] === "object");
    expect(groups).toContain("CLONE");
    const places: string[] = [];
    for (const [file, { code }] of modules) {
      const [, imported = ""] = /import \{([^}]*)\} from "[./a-z]*\/constants\.ts"/.exec(code) ?? [];
      const rest = code.replace(/^import [^;]*;/gm, "");
      for (const name of imported.split(",").map((word) => word.trim()))
        if (groups.includes(name) && new RegExp(`(?<![\\w."'])${name}(?![\\w."'])`).test(rest))
          places.push(`${file}: ${name}`);
    }
    expect(places).toEqual([]);
  });
});
