// Owns what each field of the OCI object's `process` can be (runtime specification, config.md, "Process").

import { nearest, SpecError } from "../errors.ts";
import { CAPABILITIES, RLIMITS } from "../sys/names.ts";
import { readUint64, show } from "./check.ts";
import { LARGEST_ID } from "./id-mappings.ts";
import { absolutePath, bool, integer, list, object, optionalWord, type Reader, text, word } from "./shape.ts";
import type { Capabilities, Process, Rlimit, Uint64, User } from "./types.ts";

export const id = integer(0, LARGEST_ID);

const uint64: Reader<Uint64> = (value, field) => {
  const exact = readUint64(value, field);
  return exact <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(exact) : exact;
};

const rlimit: Reader<Rlimit> = (value, field) => {
  const limit = object<Rlimit>({ type: word, soft: uint64, hard: uint64 }, ["type", "soft", "hard"])(
    value,
    field,
  );
  if (!(RLIMITS as readonly string[]).includes(limit.type))
    throw new SpecError(`${field}.type`, `${show(limit.type)} is not one of ${RLIMITS.join(", ")}`);
  if (BigInt(limit.soft) > BigInt(limit.hard))
    throw new SpecError(`${field}.soft`, `${limit.soft} is above the hard limit, ${limit.hard}`);
  return limit;
};

const rlimits: Reader<readonly Rlimit[]> = (value, field) => {
  const limits = list(rlimit)(value, field);
  for (const [i, { type }] of limits.entries())
    if (limits.findIndex((other) => other.type === type) < i)
      throw new SpecError(`${field}[${i}].type`, `${type} is limited twice`);
  return limits;
};

const capability: Reader<string> = (value, field) => {
  const name = word(value, field);
  if (CAPABILITIES.includes(name)) return name;
  const near = nearest(name, CAPABILITIES);
  throw new SpecError(field, `unknown capability ${show(name)}${near ? `, did you mean ${near}?` : ""}`);
};

const capabilities = object<Capabilities>({
  bounding: list(capability),
  effective: list(capability),
  inheritable: list(capability),
  permitted: list(capability),
  ambient: list(capability),
});

/** execve(2) passes any text on, but programs find a variable only where it is NAME=VALUE. */
const variable: Reader<string> = (value, field) => {
  const entry = text(value, field);
  if (entry.indexOf("=") < 1) throw new SpecError(field, `${show(entry)} must be NAME=VALUE`);
  return entry;
};

const args: Reader<readonly string[]> = (value, field) => {
  const words = list(text)(value, field);
  if (words.length === 0) throw new SpecError(field, "must not be empty");
  if (words[0] === "") throw new SpecError(`${field}[0]`, "must not be empty");
  return words;
};

const size = integer(0, 65_535); // struct winsize has 16 bits for each (ioctl_tty(2))

/** Reads `process`. @throws SpecError */
export const readProcess = object<Process>(
  {
    terminal: bool,
    consoleSize: object({ height: size, width: size }, ["height", "width"]),
    cwd: absolutePath,
    env: list(variable),
    args,
    rlimits,
    user: object<User>(
      { uid: id, gid: id, umask: integer(0, 0o777), additionalGids: list(id) },
      ["uid", "gid"],
      ["username"],
    ),
    capabilities,
    noNewPrivileges: bool,
    apparmorProfile: optionalWord,
    selinuxLabel: optionalWord,
    oomScoreAdj: integer(-1000, 1000),
  },
  ["cwd", "args", "user"],
  ["scheduler", "ioPriority", "execCPUAffinity", "commandLine"],
);
