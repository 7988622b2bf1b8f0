// Owns the names that the fields of the OCI object have on the command line of `run`: errors of deep code speak of
// fields, and the person typed flags.

/** What was typed: the values of each flag. */
type Typed = ReadonlyMap<string, readonly string[]>;

/** A field, or an object of fields, and the flags that fill it; "security-opt seccomp" is the flag's option seccomp=… */
const FLAGS: ReadonlyMap<string, readonly string[]> = new Map([
  ["hostname", ["hostname"]],
  ["root.readonly", ["read-only"]],
  ["mounts", ["volume", "mount", "tmpfs"]],
  ["process.cwd", ["workdir"]],
  ["process.env", ["env", "env-file"]],
  ["process.user", ["user"]],
  ["process.terminal", ["tty"]],
  ["process.rlimits", ["ulimit"]],
  ["process.capabilities", ["cap-add", "cap-drop"]],
  ["process.noNewPrivileges", ["security-opt no-new-privileges"]],
  ["process.apparmorProfile", ["security-opt apparmor"]],
  ["process.selinuxLabel", ["security-opt label"]],
  ["linux.mountLabel", ["security-opt label"]],
  ["linux.seccomp", ["security-opt seccomp"]],
  ["linux.maskedPaths", ["security-opt systempaths"]],
  ["linux.readonlyPaths", ["security-opt systempaths"]],
  ["linux.uidMappings", ["userns", "uidmap"]],
  ["linux.gidMappings", ["userns", "gidmap", "uidmap"]],
  ["linux.cgroupsPath", ["cgroup-parent"]],
  ["linux.resources.memory", ["memory"]],
  ["linux.resources.memory.swap", ["memory-swap"]],
  ["linux.resources.cpu", ["cpus"]],
  ["linux.resources.cpu.cpus", ["cpuset-cpus"]],
  ["linux.resources.pids", ["pids-limit"]],
]);

/**
 * The name of a field, or of several with ", " between them, as the person knows it: the flags that were typed for it,
 * else the flag that there is. A field that no flag fills keeps its path. Pure.
 */
export const nameOfField = (field: string, typed: Typed): string =>
  [...new Set(field.split(", ").map((path) => flagOf(path, typed)))].join(", ");

/** A text in which every field that a flag fills has that flag's name. Pure. */
export const inFlags = (text: string, typed: Typed): string =>
  text.replace(/(?<![\w./])(?:process|linux|root|mounts\[\d+\])\.[\w.[\]]*\w\]?/g, (field) =>
    flagOf(field, typed),
  );

/** The typed flags of the field itself, or else of the nearest object that it is in: --memory sets a limit of swap too. */
function flagOf(field: string, typed: Typed): string {
  const entries = entriesFor(field.replace(/\[\d+\]/g, ""));
  for (const flags of entries) {
    const given = flags.flatMap((flag) => asTyped(flag, typed));
    if (given.length > 0) return given.join(" or ");
  }
  const [nearest] = entries;
  return nearest?.length === 1 ? `--${nearest[0]}` : field;
}

/** The table's entries for a field and for the objects that it is in, from the inside out. */
function entriesFor(field: string): (readonly string[])[] {
  const entries: (readonly string[])[] = [];
  for (let path = field; path !== ""; path = path.slice(0, Math.max(0, path.lastIndexOf(".")))) {
    const flags = FLAGS.get(path);
    if (flags) entries.push(flags);
  }
  return entries;
}

/** The flag where it was typed, with its value where the value says which option of the flag it is. */
function asTyped(flag: string, typed: Typed): string[] {
  const [name, option] = flag.split(" ") as [string, string?];
  const values = typed.get(name);
  if (values === undefined) return [];
  if (option === undefined) return [`--${name}`];
  const value = values.findLast((text) => text.startsWith(option));
  return value === undefined ? [] : [`--${name} ${value}`];
}
