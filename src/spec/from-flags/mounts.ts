// Owns --volume, --mount and --tmpfs: text to an OCI mount. Pure.

import { UsageError } from "../../errors.ts";
import { cleanPath } from "../check.ts";
import { LARGEST_ID } from "../id-mappings.ts";
import type { Mount } from "../types.ts";
import { parseCount, parseSize } from "./values.ts";

/** How mounts spread between a bind and the host's mount that it shows (mount_namespaces(7)). */
const PROPAGATION: readonly string[] = [
  "private",
  "rprivate",
  "slave",
  "rslave",
  "shared",
  "rshared",
  "unbindable",
  "runbindable",
];

const VOLUME_OPTIONS: readonly string[] = [
  "ro",
  "rw",
  "nosuid",
  "nodev",
  "noexec",
  "suid",
  "dev",
  "exec",
  "bind",
  "rbind",
  "nosymfollow",
];
const isVolumeOption = (option: string): boolean =>
  VOLUME_OPTIONS.includes(option) || PROPAGATION.includes(option);

function absolute(flag: string, path: string, cwd: string): string {
  if (path.startsWith("/")) return path;
  if (cwd === "")
    throw new UsageError(`${flag}: the source "${path}" is relative, and the working directory was deleted`);
  return `${cwd.replace(/\/$/, "")}/${path}`;
}

function destination(flag: string, path: string): string {
  if (!path.startsWith("/"))
    throw new UsageError(`${flag}: the destination "${path}" must be an absolute path`);
  const clean = cleanPath(path);
  if (clean === "/") throw new UsageError(`${flag}: the destination cannot be / itself`);
  return clean;
}

/** "SRC:DST[:OPTION,…]"; a relative SRC starts at the caller's directory, "" for one that was deleted. @throws UsageError */
export function parseVolume(text: string, cwd: string): Mount {
  const [source, target, options, ...more] = text.split(":");
  if (!source || !target || more.length > 0)
    throw new UsageError(
      `--volume: "${text}" must be SRC:DST[:OPTION,…] (a path with ":" in it: use --mount)`,
    );
  const list = options ? options.split(",") : [];
  // z and Z ask for SELinux labels and stand in many scripts. Without SELinux they mean nothing.
  for (const option of list)
    if (!isVolumeOption(option) && option !== "z" && option !== "Z")
      throw new UsageError(`--volume: unknown option "${option}" in "${text}"`);
  if (list.filter((option) => PROPAGATION.includes(option)).length > 1)
    throw new UsageError(
      `--volume: "${text}" says twice how it propagates: one of ${PROPAGATION.join(", ")}`,
    );
  const kept = list.filter((option) => isVolumeOption(option) && option !== "bind" && option !== "rbind");
  const recursion = list.includes("bind") ? "bind" : "rbind";
  return {
    destination: destination("--volume", target),
    type: "bind",
    source: absolute("--volume", source, cwd),
    options: [recursion, ...kept],
  };
}

/** "DST[:OPTION,…]", with docker's defaults. @throws UsageError */
export function parseTmpfs(text: string): Mount {
  const colon = text.indexOf(":");
  const target = colon < 0 ? text : text.slice(0, colon);
  const options =
    colon < 0
      ? []
      : text
          .slice(colon + 1)
          .split(",")
          .filter((option) => option !== "");
  for (const option of options) checkTmpfsOption(option, text);
  return {
    destination: destination("--tmpfs", target),
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "nodev", "noexec", ...options],
  };
}

/** The powers of 1024 that the letters of a number stand for (tmpfs(5)). */
const LETTERS = " kmgtpe";

/** The kernel reads a number above 2^64 modulo 2^64. The tmpfs would have almost no room, so it is refused. */
function checkTmpfsOption(option: string, text: string): void {
  if (/^(ro|rw|(no)?(suid|dev|exec|atime|diratime)|relatime|strictatime|sync)$/.test(option)) return;
  const [, key, value] = /^(size|mode|uid|gid|nr_inodes|nr_blocks)=(.*)$/s.exec(option) ?? [];
  if (key === undefined || value === undefined)
    throw new UsageError(`--tmpfs: unknown option "${option}" in "${text}"`);
  if (key === "mode") checkTmpfsMode("--tmpfs: mode", value);
  else if (key === "uid" || key === "gid") parseCount(`--tmpfs: ${key}`, value, LARGEST_ID);
  else {
    const [, digits, letter] = /^(\d+)([kmgtpe]|%)?$/i.exec(value) ?? [];
    if (digits === undefined || (letter === "%" && key !== "size"))
      throw new UsageError(
        `--tmpfs: ${key}: "${value}" is not a number (64m, 2g${key === "size" ? ", 50%" : ""})`,
      );
    const power = Math.max(0, LETTERS.indexOf((letter ?? " ").toLowerCase()));
    if (Number(digits) * 1024 ** power > Number.MAX_SAFE_INTEGER)
      throw new UsageError(`--tmpfs: ${key}: "${value}" is too large`);
  }
}

function checkTmpfsMode(what: string, mode: string): void {
  if (!/^0*[0-7]{1,4}$/.test(mode)) throw new UsageError(`${what} "${mode}" is not octal, at most 7777`);
}

/** Splits at commas, as CSV does: a value in double quotes may have commas in it. */
function fields(text: string): string[] {
  const out: string[] = [];
  for (const match of text.matchAll(/(?:^|,)("(?:[^"]|"")*"|[^,]*)/g)) {
    const field = match[1]!;
    out.push(field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field);
  }
  return out;
}

/** "type=bind,src=…,dst=…[,ro]" or "type=tmpfs,dst=…[,tmpfs-size=…][,tmpfs-mode=…]" (docker's keys). @throws UsageError */
export function parseMount(text: string, cwd: string): Mount {
  const values = new Map<string, string>();
  for (const field of fields(text)) {
    const equals = field.indexOf("=");
    const key = equals < 0 ? field : field.slice(0, equals);
    values.set(fullKey(key), equals < 0 ? "true" : field.slice(equals + 1));
  }
  const type = values.get("type") ?? "bind";
  const allowed = type === "bind" ? BIND_KEYS : type === "tmpfs" ? TMPFS_KEYS : undefined;
  if (!allowed) throw new UsageError(`--mount: type "${type}" is not one of bind, tmpfs`);
  for (const key of values.keys())
    if (!allowed.includes(key))
      throw new UsageError(`--mount: unknown key "${key}" for type=${type} in "${text}"`);
  const target = values.get("target");
  if (!target) throw new UsageError(`--mount: "${text}" needs a target (dst=/path)`);
  const readonly = isTrue(values.get("readonly"), text) ? ["ro"] : [];
  const destinationPath = destination("--mount", target);
  if (type === "tmpfs")
    return { destination: destinationPath, type, source: "tmpfs", options: tmpfsOptions(values, readonly) };
  const source = values.get("source");
  if (!source) throw new UsageError(`--mount: "${text}" needs a source (src=/path)`);
  const propagation = values.get("bind-propagation");
  if (propagation !== undefined && !PROPAGATION.includes(propagation))
    throw new UsageError(`--mount: unknown bind-propagation "${propagation}"`);
  const recursion = isTrue(values.get("bind-nonrecursive"), text) ? "bind" : "rbind";
  return {
    destination: destinationPath,
    type,
    source: absolute("--mount", source, cwd),
    options: [recursion, ...readonly, ...(propagation ? [propagation] : [])],
  };
}

function tmpfsOptions(values: Map<string, string>, readonly: string[]): string[] {
  const size = values.get("tmpfs-size");
  const mode = values.get("tmpfs-mode");
  if (mode) checkTmpfsMode("--mount: tmpfs-mode", mode);
  return [
    "nosuid",
    "nodev",
    "noexec",
    ...readonly,
    ...(size ? [`size=${parseSize("--mount: tmpfs-size", size)}`] : []),
    ...(mode ? [`mode=${mode}`] : []),
  ];
}

const BIND_KEYS = ["type", "source", "target", "readonly", "bind-propagation", "bind-nonrecursive"];
const TMPFS_KEYS = ["type", "target", "readonly", "tmpfs-size", "tmpfs-mode"];

function fullKey(key: string): string {
  if (key === "src") return "source";
  if (key === "dst" || key === "destination") return "target";
  return key === "ro" ? "readonly" : key;
}

function isTrue(value: string | undefined, text: string): boolean {
  if (value === undefined || value === "false" || value === "0") return false;
  if (value === "true" || value === "1") return true;
  throw new UsageError(`--mount: "${value}" must be true or false in "${text}"`);
}
