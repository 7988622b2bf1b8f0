// Owns the list of programs that are measured: how each is told to run the same command, and what is measured of it.

/** Everything that measure.ts needs to know, which it gets as JSON. */
export interface Plan {
  /** part of the name of every container and cgroup, by which the bench knows its own */
  tag: string;
  /** the directory for everything on disk, removed at the end */
  work: string;
  minibox: string;
  only: readonly string[];
  /** measure the phases of a start, and nothing else */
  phases: boolean;
  /** measure single runs on a busy machine as well */
  load: boolean;
  /** further versions of runc or crun */
  peers: readonly Peer[];
  /** program → why it cannot be measured, where that is known beforehand */
  skipped: Readonly<Record<string, string>>;
  runs: number;
  warmup: number;
  burstRounds: number;
  containers: number;
}

/** A runtime that takes runc's words. */
export interface Peer {
  name: (typeof OCI)[number];
  path: string;
}

/** The command that runs in the container. */
export type Job = "true" | "sleep";

const ARGS: Record<Job, readonly string[]> = { true: ["/bin/true"], sleep: ["/bin/sleep", "600"] };

export interface Program {
  name: string;
  /**
   * the command runs under docker's seccomp filter or a similar one; only such programs are compared with each other
   */
  filter: boolean;
  /** the executable; undefined where it is not installed */
  path: string | undefined;
  /** the file of a further version of the program */
  peer?: string;
  /** whether many containers, and the memory, are measured as well as one run */
  burst: boolean;
  memory: boolean;
  command(id: string, job: Job): string[];
  /**
   * for a program that does not stay beside its container: starts the job and writes its supervisor's pid to the file
   */
  detached?(pidFile: string, job: Job): string[];
}

export const rootfsOf = (plan: Pick<Plan, "work">): string => `${plan.work}/rootfs`;
/** podman has a rootfs of its own, because it writes into it (/run/.containerenv, /etc/hosts). */
export const podmanRootfsOf = (plan: Pick<Plan, "work">): string => `${plan.work}/podman/rootfs`;
export const bundleOf = (plan: Pick<Plan, "work">, job: Job, filter: boolean): string =>
  `${plan.work}/bundle-${job}${filter ? "" : "-without-filter"}`;
export const originalOf = (plan: Pick<Plan, "work">): string => `${plan.work}/original`;
export const twiceOf = (plan: Pick<Plan, "work">): string => `${plan.work}/twice`;
/** minibox with stamps (src/sys/phases.ts) */
export const phasesOf = (plan: Pick<Plan, "work">): string => `${plan.work}/minibox-phases`;
export const argsOf = (job: Job): readonly string[] => ARGS[job];

export const OCI = ["runc", "crun"] as const;
/** The least that a start of minibox can cost: it has its place in every table of single runs. */
export const FLOOR = "Bun twice";

export const NAMES = [
  "minibox",
  "minibox wide open",
  "runc",
  "crun",
  "bwrap",
  "unshare",
  "Go original",
  "podman",
  FLOOR,
  "no container",
] as const;

const WITHOUT_FILTER = ["--security-opt", "seccomp=unconfined"];
/** With WITHOUT_FILTER these turn off all confinement except namespaces and cgroup, to show what confinement costs. */
const WIDE_OPEN = [
  ...["--security-opt", "no-new-privileges=false"],
  ...["--security-opt", "systempaths=unconfined"],
  ...["--cap-add", "ALL"],
];

/** Returns the programs to measure, in the order of the tables. */
export function programs(plan: Plan): Program[] {
  const rootfs = rootfsOf(plan);
  const oci = (name: string, path: string | undefined, filter: boolean): Program => {
    const command: Program["command"] = (id, job) => [
      path ?? name,
      "run",
      "--bundle",
      bundleOf(plan, job, filter),
      id,
    ];
    return { name, filter, path, burst: filter, memory: filter, command };
  };
  // those that are installed first: the tables' ratios are to them
  const ociAll = (filter: boolean): Program[] => [
    ...OCI.map((name) => oci(name, Bun.which(name) ?? undefined, filter)),
    ...plan.peers.map(({ name, path }) => ({ ...oci(name, path, filter), peer: path })),
  ];
  const minibox = (name: (typeof NAMES)[number], filter: boolean, flags: readonly string[]): Program => ({
    name,
    filter,
    path: plan.minibox,
    burst: filter,
    memory: filter,
    command: (id, job) => [plan.minibox, "run", "--name", id, ...flags, rootfs, ...ARGS[job]],
  });
  const tool = (
    name: (typeof NAMES)[number],
    path: string | null,
    burst: boolean,
    words: readonly string[],
  ): Program => ({
    name,
    filter: false,
    path: path ?? undefined,
    burst,
    memory: true,
    command: (_id, job) => [path ?? name, ...words, ...ARGS[job]],
  });
  const all: Program[] = [
    minibox("minibox", true, []),
    ...ociAll(true),
    podman(plan),
    minibox("minibox", false, WITHOUT_FILTER),
    minibox("minibox wide open", false, [...WITHOUT_FILTER, ...WIDE_OPEN]),
    ...ociAll(false),
    tool("bwrap", Bun.which("bwrap"), true, [
      "--unshare-all",
      "--bind",
      rootfs,
      "/",
      "--proc",
      "/proc",
      "--dev",
      "/dev",
    ]),
    tool("unshare", Bun.which("unshare"), false, [
      "-mpfuin",
      `--mount-proc=${rootfs}/proc`,
      "chroot",
      rootfs,
    ]),
    tool("Go original", originalOf(plan), false, ["run", rootfs]),
    // for comparison: the cost of starting Bun twice, and of starting any program
    floor(plan, FLOOR, [twiceOf(plan)]),
    { ...floor(plan, "no container", []), burst: true },
  ];
  return all.filter(({ name }) => plan.only.length === 0 || plan.only.includes(name));
}

/** Runs the containers' command without a container. */
function floor(plan: Plan, name: (typeof NAMES)[number], words: readonly string[]): Program {
  const path = `${rootfsOf(plan)}/bin/true`;
  return { name, filter: false, path, burst: false, memory: false, command: () => [...words, path] };
}

function podman(plan: Plan): Program {
  const path = Bun.which("podman") ?? undefined;
  const own = `${plan.work}/podman`;
  // given explicitly, because podman's own choice depends on the machine's configuration
  const runtime = Bun.which("crun") ?? Bun.which("runc");
  const words = [
    path ?? "podman",
    ...["--root", `${own}/root`, "--runroot", `${own}/run`, "--tmpdir", `${own}/tmp`],
    ...["--cgroup-manager", "cgroupfs", "--storage-driver", "vfs", "--events-backend", "none"],
    ...(runtime === null ? [] : ["--runtime", runtime]),
    "run",
    ...["--rm", "--network", "none", "--cgroup-parent", `/${plan.tag}`],
  ];
  const root = ["--rootfs", podmanRootfsOf(plan)];
  return {
    name: "podman",
    filter: true,
    path,
    burst: false,
    memory: true,
    command: (_id, job) => [...words, ...root, ...ARGS[job]],
    detached: (pidFile, job) => [...words, "--detach", "--conmon-pidfile", pidFile, ...root, ...ARGS[job]],
  };
}
