// Owns --cap-add, --cap-drop and --security-opt: text to the OCI object's fields. Pure.

import { nearest, UsageError } from "../../errors.ts";
import { CAPABILITIES } from "../../sys/names.ts";
import { capabilitySets, DEFAULT_CAPABILITIES } from "../default.ts";
import type { Linux, Process } from "../types.ts";
import type { Given } from "./given.ts";

const ALL = "ALL";

/** "net_admin", "CAP_NET_ADMIN", "NET_ADMIN,SYS_TIME" to OCI's names. @throws UsageError */
function capabilityNames(flag: string, values: readonly string[]): string[] {
  const names: string[] = [];
  for (const value of values)
    for (const word of value.split(",")) {
      const upper = word.toUpperCase();
      const name = upper === ALL || upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
      if (name !== ALL && !CAPABILITIES.includes(name)) throw unknown(flag, word, name);
      names.push(name);
    }
  return names;
}

function unknown(flag: string, word: string, name: string): UsageError {
  const near = nearest(
    name.slice(4),
    CAPABILITIES.map((known) => known.slice(4)),
  );
  return new UsageError(`${flag}: unknown capability "${word}"${near ? `, did you mean ${near}?` : ""}`);
}

export interface WantedCapabilities {
  names: readonly string[];
  /** asked for by name */
  required: readonly string[];
}

/** docker's rule: the default set, less what is dropped, and what is added; ALL stands for every one. @throws UsageError */
export function wantedCapabilities(add: readonly string[], drop: readonly string[]): WantedCapabilities {
  const added = capabilityNames("--cap-add", add);
  const dropped = capabilityNames("--cap-drop", drop);
  if (added.includes(ALL) && dropped.includes(ALL))
    throw new UsageError("--cap-add ALL and --cap-drop ALL contradict each other");
  const required = added.filter((name) => name !== ALL);
  const base = added.includes(ALL) ? CAPABILITIES : dropped.includes(ALL) ? [] : DEFAULT_CAPABILITIES;
  const kept = base.filter((name) => !dropped.includes(name));
  return { names: [...new Set([...kept, ...required])], required };
}

/** What --security-opt said; undefined where it said nothing. */
export interface SecurityOptions {
  noNewPrivileges?: boolean;
  /** "unconfined", or a profile's file */
  seccomp?: string;
  apparmor?: string;
  /** parts of an SELinux label, by name: user, role, type, level; or "disable" */
  label: Record<string, string>;
  /** docker's systempaths=unconfined: nothing of /proc and /sys is masked or read-only */
  systemPaths: boolean;
}

const OPTIONS = ["no-new-privileges", "seccomp", "apparmor", "label", "systempaths"];
const LABEL_PARTS = ["user", "role", "type", "level"];

/** docker's options, "=" or ":" after the name. @throws UsageError */
export function securityOptions(values: readonly string[]): SecurityOptions {
  const out: SecurityOptions = { label: {}, systemPaths: true };
  for (const text of values) {
    const at = text.search(/[=:]/);
    const name = at < 0 ? text : text.slice(0, at);
    const value = at < 0 ? "" : text.slice(at + 1);
    if (value === "" && name !== "no-new-privileges" && OPTIONS.includes(name))
      throw new UsageError(`--security-opt: "${text}" needs a value: ${name}=…`);
    if (name === "no-new-privileges") out.noNewPrivileges = isTrue(value, text);
    else if (name === "seccomp" && value === "builtin")
      delete out.seccomp; // docker's word for its default
    else if (name === "seccomp") out.seccomp = value;
    else if (name === "apparmor") out.apparmor = value;
    else if (name === "label") addLabel(out.label, value, text);
    else if (name === "systempaths" && value === "unconfined") out.systemPaths = false;
    else if (name === "systempaths")
      throw new UsageError(`--security-opt: systempaths can be unconfined, not "${value}"`);
    else {
      const near = nearest(name, OPTIONS);
      throw new UsageError(
        `--security-opt: unknown option "${name}"${near ? `, did you mean ${near}?` : ""}`,
      );
    }
  }
  return out;
}

function isTrue(value: string, text: string): boolean {
  if (value === "" || value === "true") return true;
  if (value === "false") return false;
  throw new UsageError(`--security-opt: "${text}" must end in true or false`);
}

function addLabel(label: Record<string, string>, value: string, text: string): void {
  if (value === "disable") {
    label.disable = "true";
    return;
  }
  const colon = value.indexOf(":");
  const part = value.slice(0, colon);
  if (!LABEL_PARTS.includes(part) || colon === value.length - 1)
    throw new UsageError(
      `--security-opt: "${text}" must be label=disable, or label=PART:VALUE, PART one of ${LABEL_PARTS.join(", ")}`,
    );
  label[part] = value.slice(colon + 1);
}

/** The fields that these flags fill, beside the profile's name for linux.seccomp. */
export interface Security {
  process: Pick<Process, "capabilities" | "apparmorProfile" | "selinuxLabel" | "noNewPrivileges">;
  linux: Pick<Linux, "maskedPaths" | "readonlyPaths" | "mountLabel">;
  /** "unconfined", a profile's file, or undefined for the default */
  seccomp: string | undefined;
}

/** Reads all three flags. @throws UsageError */
export function securityFromFlags(given: Pick<Given, "many">): Security {
  const add = given.many("cap-add");
  const drop = given.many("cap-drop");
  const texts = given.many("security-opt");
  if (add.length + drop.length + texts.length === 0) return { process: {}, linux: {}, seccomp: undefined };
  const options = securityOptions(texts);
  const labels = selinuxLabels(options.label);
  return {
    process: {
      ...(add.length + drop.length > 0
        ? { capabilities: capabilitySets(wantedCapabilities(add, drop).names) }
        : {}),
      ...(options.apparmor === undefined || options.apparmor === "unconfined"
        ? {}
        : { apparmorProfile: options.apparmor }),
      ...(labels ? { selinuxLabel: labels.process } : {}),
      ...(options.noNewPrivileges === false ? { noNewPrivileges: false } : {}),
    },
    linux: {
      ...(options.systemPaths ? {} : { maskedPaths: [], readonlyPaths: [] }),
      ...(labels ? { mountLabel: labels.mount } : {}),
    },
    seccomp: options.seccomp,
  };
}

/** The SELinux labels of process and mounts. A part that no option gives is that of container-selinux. */
function selinuxLabels(parts: SecurityOptions["label"]): { process: string; mount: string } | undefined {
  if (parts.disable || Object.keys(parts).length === 0) return undefined;
  const { user = "system_u", role = "system_r", type = "container_t", level = "s0" } = parts;
  return {
    process: `${user}:${role}:${type}:${level}`,
    mount: `system_u:object_r:container_file_t:${level}`,
  };
}

/** The capabilities that --cap-add names: without one of them the container must not start. @throws UsageError */
export function requiredCapabilities(given: Pick<Given, "many">): readonly string[] {
  const add = given.many("cap-add");
  return add.length === 0 ? add : wantedCapabilities(add, given.many("cap-drop")).required;
}
