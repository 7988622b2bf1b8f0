// Owns the advice about a path that holds no root file system: how to make one with the programs of this host.

import { affordable, Budget } from "../explain/budget.ts";
import { namesOf, nearestThat } from "../explain/near.ts";
import { O, S_IFDIR, S_IFMT } from "../sys/constants.ts";
import { readlink } from "../sys/directory.ts";
import { tryOpen, withFd } from "../sys/file.ts";
import { quoted } from "../sys/printable.ts";
import { geteuid } from "../sys/process.ts";
import { tryStat } from "../sys/stat.ts";
import { environmentVariable, workingDirectory } from "./caller.ts";

/** What to do about a path that is missing, empty, or no path at all. */
export function rootfsAdvice(path: string): string {
  if (path.startsWith("-")) return "flags come before it: minibox run [flags] ROOTFS COMMAND";
  const sibling = tryStat(path) ? undefined : nearDirectory(path);
  if (sibling !== undefined) return `did you mean ${quoted(sibling)}?`;
  const directory = quoted(imageName(path) ?? path);
  const ways = waysToMake(path, directory);
  return imageName(path) === undefined
    ? `it must be a directory with a root file system in it: ${ways}`
    : `minibox takes a directory, and pulls no images: ${ways}`;
}

/** A directory beside the path whose name is spelled almost like it. */
function nearDirectory(path: string): string | undefined {
  const slash = path.replace(/\/+$/, "").lastIndexOf("/");
  const [above, name] = [path.slice(0, slash + 1), path.slice(slash + 1).replace(/\/+$/, "")];
  const fd = tryOpen(above || ".", O.O_DIRECTORY);
  if (fd < 0) return undefined;
  const budget = new Budget(() => true);
  const near = affordable(() => {
    const names = withFd(fd, () => namesOf(budget, fd));
    return nearestThat(budget, name, names, (other) => isDirectory(`${above}${other}`));
  });
  return near === undefined ? undefined : `${above}${near}`;
}

const isDirectory = (path: string): boolean => ((tryStat(path)?.mode ?? 0) & S_IFMT) === S_IFDIR;

/** The last part of what looks like the name of an image (alpine, docker.io/library/alpine:3): a directory's name. */
function imageName(path: string): string | undefined {
  if (/^[./]|root/.test(path) || tryStat(path)) return undefined;
  return /^(?:[a-z0-9.-]+(?::\d+)?\/)*([a-z0-9]+(?:[._-]+[a-z0-9]+)*)(?::[\w.-]+)?(?:@sha256:[0-9a-f]+)?$/.exec(
    path,
  )?.[1];
}

/** A command that makes a rootfs and whose program this host has. */
function waysToMake(path: string, directory: string): string {
  const image = imageName(path) === undefined ? "IMAGE" : quoted(path);
  const script = besideMinibox("scripts/build-rootfs.sh");
  const engine = ["docker", "podman"].find(isOnPath);
  const unpack = `mkdir -p ${directory} && ${engine ?? "docker"} export $(${engine ?? "docker"} create ${image} sh) | tar -xC ${directory}`;
  if (script !== undefined && image === "IMAGE") return `${script} ${directory} makes one`;
  if (engine !== undefined) return `${unpack} unpacks ${image === "IMAGE" ? "an image" : "this one"}`;
  if (script !== undefined) return `${script} ${directory} makes one of what is here`;
  if (geteuid() === 0 && isOnPath("debootstrap"))
    return `debootstrap --variant=minbase stable ${directory} makes one of Debian`;
  return `where docker is, ${unpack} makes one; or unpack the archive of one: tar -xf ROOTFS.tar.gz -C ${directory}`;
}

/** The path of a program beside minibox's own file, as in its source tree; undefined where it is not there. */
function besideMinibox(name: string): string | undefined {
  const binary = readlink("/proc/self/exe");
  const path = `${binary.slice(0, binary.lastIndexOf("/"))}/${name}`;
  if (!isExecutable(path)) return undefined;
  const here = `${workingDirectory()}/`;
  return quoted(path.startsWith(here) ? path.slice(here.length) : path);
}

const isExecutable = (path: string): boolean => {
  const mode = tryStat(path)?.mode ?? 0;
  return (mode & S_IFMT) !== S_IFDIR && (mode & 0o111) !== 0;
};

/** True where a shell of the caller's would find the program. */
const isOnPath = (name: string): boolean =>
  (environmentVariable("PATH") ?? "")
    .split(":")
    .map((directory) => `${directory}/${name}`)
    .some((path) => path.startsWith("/") && isExecutable(path));
