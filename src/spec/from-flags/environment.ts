// Owns --env and --env-file: text to the OCI object's process.env. Pure: files and variables come through Host.

import { UsageError } from "../../errors.ts";
import { DEFAULT_PATH } from "../default.ts";
import type { Given, Host } from "./given.ts";

/** What every container's variables begin with. */
export function usualEnvironment(host: Host, hostname: string): string[] {
  const entries = [`PATH=${DEFAULT_PATH}`, `HOSTNAME=${hostname}`, "container=minibox"];
  if (host.terminal) entries.push(`TERM=${host.env("TERM") ?? "xterm"}`);
  return entries;
}

/**
 * The container's variables: of the caller's environment only those that are named, and TERM on a terminal. HOME is the
 * user's home directory where no flag sets it. @throws UsageError, and what host.readFile throws
 */
export function environmentFromFlags(given: Given, host: Host, hostname: string, home: string): string[] {
  const env = new Map<string, string>();
  for (const entry of usualEnvironment(host, hostname)) {
    const equals = entry.indexOf("=");
    env.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  const put = (name: string, value: string | undefined): void => {
    if (value !== undefined) env.set(name, value);
  };
  for (const file of given.many("env-file"))
    for (const [name, value] of envFile(file, host)) put(name, value);
  for (const text of given.many("env")) {
    const equals = text.indexOf("=");
    const name = equals < 0 ? text : text.slice(0, equals);
    if (name === "") throw new UsageError(`--env: "${text}" has no name`);
    put(name, equals < 0 ? host.env(name) : text.slice(equals + 1));
  }
  if (!env.has("HOME")) env.set("HOME", home);
  const entries: string[] = [];
  for (const [name, value] of env) entries.push(`${name}=${value}`);
  return entries;
}

/**
 * docker's and podman's format: K=V with everything after "=" as it stands, quotes and later "#" included; K alone from
 * the caller; "#" begins a line that is a comment.
 */
function envFile(file: string, host: Host): [string, string | undefined][] {
  const entries: [string, string | undefined][] = [];
  const lines = host.readFile(file).split("\n");
  for (const [i, raw] of lines.entries()) {
    const line = raw.replace(/\r$/, "").trimStart(); // of a byte order mark, too
    if (line === "" || line.startsWith("#")) continue;
    const equals = line.indexOf("=");
    const name = equals < 0 ? line : line.slice(0, equals);
    const wrong = wrongEntry(line, name);
    if (wrong !== undefined) throw new UsageError(`--env-file: ${file}:${i + 1}: ${wrong}`);
    entries.push([name, equals < 0 ? host.env(name) : line.slice(equals + 1)]);
  }
  return entries;
}

function wrongEntry(line: string, name: string): string | undefined {
  if (line.includes("\0")) return "a NUL byte cannot be part of a variable";
  if (name === "") return `"${line}" has no name before the =`;
  if (/^export\s/.test(name)) return `"${name}": leave "export" away, the file is not read by a shell`;
  return /\s/.test(name) ? `"${name}" is not the name of a variable: there is a blank in it` : undefined;
}
