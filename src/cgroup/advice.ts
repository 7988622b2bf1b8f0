// Owns the advice for an ordinary user who cannot have limits: how to get a cgroup of one's own, with systemd or without.

import { tryReadFile } from "../sys/file.ts";
import { geteuid, getppid } from "../sys/process.ts";
import { tryStat } from "../sys/stat.ts";

const hasSystemd = (): boolean => tryStat("/run/systemd/system") !== undefined;

const DELEGATE_ALL = "Delegate=cpu cpuset io memory pids";

/** Says how the user gets a cgroup of its own that has the controllers. */
export function ownCgroupAdvice(mount: string, wanted: readonly string[]): string {
  const uid = geteuid();
  if (!hasSystemd()) return withoutSystemd(mount, uid, wanted);
  const own = process.env.XDG_RUNTIME_DIR;
  const runtime = own ?? `/run/user/${uid}`;
  if (tryStat(`${runtime}/bus`) === undefined)
    return `your user has no session of systemd's, as after a login (loginctl enable-linger ${uid} starts one); or have root start it: systemd-run --pipe --uid=${uid} -p Delegate=yes minibox run …`;
  const variable = own === undefined ? `XDG_RUNTIME_DIR=${runtime} ` : "";
  const scope = `start it in a scope of its own: ${variable}systemd-run --user --scope -p Delegate=yes minibox run …`;
  const service = `${mount}/user.slice/user-${uid}.slice/user@${uid}.service`;
  const there = (tryReadFile(`${service}/cgroup.controllers`) ?? "").trim().split(" ");
  if (wanted.every((controller) => there.includes(controller))) return scope;
  return `${handDownAdvice(service)}; then ${scope}`;
}

function withoutSystemd(mount: string, uid: number, wanted: readonly string[]): string {
  const own = `${mount}/user-${uid}`;
  const plus = wanted.map((controller) => `+${controller}`).join(" ");
  return `run it as root, or have root give your shell a cgroup that is yours: mkdir ${own}; chown ${uid} ${own} ${own}/cgroup.procs ${own}/cgroup.subtree_control; echo ${plus} >${mount}/cgroup.subtree_control; echo ${getppid()} >${own}/cgroup.procs`;
}

/** Says how a cgroup of the user's gets the controllers that it lacks. */
export function handDownAdvice(directory: string): string {
  if (!hasSystemd()) return "root can hand them down to it, with cgroup.subtree_control of each cgroup above";
  const user = /\/user@(\d+)\.service(\/|$)/.exec(directory)?.[1];
  return user === undefined
    ? `its unit has to ask for them: ${DELEGATE_ALL}`
    : `as root, let systemd hand them to users: systemctl edit user@.service, with the lines [Service] and ${DELEGATE_ALL}, then systemctl restart user@${user}.service, which ends what runs there`;
}
