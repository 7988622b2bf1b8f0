// Owns what a dynamically linked program needs: which libc its loader belongs to, which one the rootfs has, and which
// of its libraries are missing.

import type { Elf } from "./elf.ts";
import { isDirectoryIn, isProgram, namesIn } from "./names.ts";
import type { Place } from "./place.ts";

export type Libc = "glibc" | "musl" | "uClibc" | "bionic (Android)" | "Nix";

/** Returns the libc that the loader of this path belongs to. Pure. */
export function libcOf(loader: string): Libc | undefined {
  if (loader.startsWith("/nix/store/")) return "Nix";
  const name = loader.slice(loader.lastIndexOf("/") + 1);
  if (name.startsWith("ld-musl-")) return "musl";
  if (name.startsWith("ld-uClibc") || name.startsWith("ld64-uClibc")) return "uClibc";
  if (/^linker(64)?$/.test(name)) return "bionic (Android)";
  return /^(ld-linux.*|ld64|ld)\.so\.\d+$|^ld-2\.\d+\.so$/.test(name) ? "glibc" : undefined;
}

const LIBRARY_DIRECTORIES = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"];

/** Returns the libc of the rootfs, told by the loaders in it. */
function libcOfRoot(place: Place): Libc | undefined {
  const loaders = LIBRARY_DIRECTORIES.flatMap((directory) =>
    namesIn(place, directory).filter((name) => name.startsWith("ld")),
  );
  const found = loaders.map((name) => libcOf(`/lib/${name}`));
  return found.find((libc) => libc === "musl") ?? found.find((libc) => libc !== undefined);
}

/** Returns a hint for a program whose loader is not in the rootfs. */
export function libcHint(place: Place, loader: string): string | undefined {
  const wanted = libcOf(loader);
  if (wanted === undefined) return "use a static build, or put the loader and its libraries into the rootfs";
  if (wanted === "Nix") return "it was built by Nix and needs its store: -v /nix/store:/nix/store:ro";
  const has = libcOfRoot(place);
  const built = `it is built for ${wanted}`;
  if (has === undefined)
    return `${built}, and the rootfs has no libc: use a static build, or copy what ldd names on the host`;
  if (has === wanted)
    return `${built}, but not for the one that the rootfs has (another architecture's?): use a static build`;
  if (has === "musl")
    return `${built}, the rootfs has musl (as Alpine does): use a musl or static build, or a ${wanted} rootfs`;
  return `${built}, the rootfs has ${has}: use a ${has} or static build, or a ${wanted} rootfs`;
}

/** The names of Debian's directories for the libraries of an architecture, by e_machine. */
const TRIPLETS: Record<number, string> = {
  3: "i386-linux-gnu",
  40: "arm-linux-gnueabihf",
  62: "x86_64-linux-gnu",
  183: "aarch64-linux-gnu",
};

/** Returns the libraries of a program that are in none of the directories where its loader looks. */
export function missingLibraries(place: Place, elf: Elf): string[] {
  // $ORIGIN and the like are not resolved here: with one of them, no library is called missing
  if (elf.searched.some((directory) => directory.includes("$"))) return [];
  const triplet = TRIPLETS[elf.machine];
  const all = new Set([
    ...elf.searched.filter((directory) => directory.startsWith("/")),
    ...LIBRARY_DIRECTORIES,
    ...(triplet ? [`/lib/${triplet}`, `/usr/lib/${triplet}`] : []),
  ]);
  const directories = [...all].filter((directory) => isDirectoryIn(place, directory));
  return [...new Set(elf.needed)].filter(
    (name) =>
      !name.includes("/") && !directories.some((directory) => isProgram(place, `${directory}/${name}`)),
  );
}
