// Owns the flags and commands of docker and podman that minibox does not have, or has by another name, with a line for
// each that says what to use instead. cli/advice.ts reads it after such a word was refused.

/** Several words, and the line that is the hint for each of them. */
type Group = readonly [words: string, hint: string];

const ALWAYS = "minibox always does that: leave it away";
const ROOTFS = "minibox knows no images: ROOTFS is a directory, and what follows it is the command";
const LIMITS =
  "the limits that have a flag are -m, --memory-swap, --cpus, --cpuset-cpus, --pids-limit and --ulimit";
const NETWORK =
  "a container has a loopback interface of its own and nothing else, or with --network host the host's network";
const IMAGES = `${ROOTFS.replace(", and what follows it is the command", "")}: docker export and tar -x make one of a container's file system`;
const ONE_RUN = "minibox run makes the container, runs the command to its end and removes the container";

const FLAGS: readonly Group[] = [
  [
    "-d --detach",
    "minibox run stays with its container: for the background, minibox run … </dev/null >FILE 2>&1 &, or minibox create and minibox start",
  ],
  [
    "--privileged",
    "minibox has no such switch: --cap-add ALL --security-opt seccomp=unconfined --security-opt systempaths=unconfined comes near to it, without the host's devices",
  ],
  [
    "--device --gpus --device-cgroup-rule",
    "a container has null, zero, full, random, urandom, tty and its own terminals in /dev, and can be given no others",
  ],
  [
    "-p --publish -P --publish-all --expose --net-alias --network-alias --ip --ip6 --link --mac-address --link-local-ip",
    NETWORK,
  ],
  ["--net", "it is --network here: none (loopback only) or host"],
  [
    "--add-host --no-hosts --hosts-file",
    "names of hosts are in the rootfs: /etc/hosts, or -v FILE:/etc/hosts",
  ],
  [
    "--dns --dns-opt --dns-option --dns-search",
    "name servers are in the rootfs: /etc/resolv.conf, or -v FILE:/etc/resolv.conf; with --network host they are the host's",
  ],
  ["--entrypoint", `${ROOTFS}, whole`],
  [
    "--pull --platform --arch --os --variant --authfile --creds --tls-verify --disable-content-trust --image-volume",
    ROOTFS,
  ],
  ["--rootfs --sig-proxy --no-healthcheck --no-hostname", ALWAYS],
  [
    "-a --attach",
    "the command has minibox's own stdin, stdout and stderr: redirect those (</dev/null, 2>/dev/null)",
  ],
  ["--detach-keys", "minibox stays with its container: there is nothing to detach from"],
  [
    "--restart --replace",
    `${ONE_RUN}: for more, until minibox run …; do sleep 1; done, or a service manager`,
  ],
  ["--log-driver --log-opt", "the command's output is minibox's own: redirect it (>FILE 2>&1)"],
  [
    "-l --label --label-file --annotation --cidfile --pidfile --conmon-pidfile",
    "a container has a --name, and no more",
  ],
  [
    "-c --cpu-shares --cpu-quota --cpu-period --cpu-rt-period --cpu-rt-runtime --cpuset-mems --memory-reservation --memory-swappiness --kernel-memory --oom-kill-disable --oom-score-adj --blkio-weight --blkio-weight-device --device-read-bps --device-write-bps --device-read-iops --device-write-iops --cgroup-conf --cgroups --storage-opt",
    LIMITS,
  ],
  ["--shm-size", "/dev/shm has 64 MiB: for another size, --tmpfs /dev/shm:size=SIZE"],
  [
    "--ipc --pid --uts --cgroupns",
    "a container's processes, host name, System V IPC and cgroup are always its own; only --network and --userns can be host",
  ],
  [
    "--volumes-from --volume-driver",
    "a volume is a file or directory of the host's: -v SRC:DST, once for each",
  ],
  ["--secret", "a file of the host's can be shown inside: -v FILE:/run/secrets/NAME:ro"],
  ["--group-add", "the groups are those of the rootfs's /etc/group; -u USER:GROUP names one"],
  ["--domainname", "no flag sets it, but domainname in the config.json of a bundle does (minibox create)"],
  ["--sysctl", "no flag sets one, but linux.sysctl in the config.json of a bundle does (minibox create)"],
  [
    "-b --bundle",
    "minibox create --bundle DIR NAME makes the container of a bundle, and minibox start NAME lets it run",
  ],
  ["-s --signal", "the signal follows the container's name: minibox kill CONTAINER KILL"],
  ["--stop-signal", "the command is ended with TERM; any other signal that minibox gets is passed on to it"],
  ["--health-cmd --health-interval --health-retries --health-timeout --health-start-period", ONE_RUN],
  ["--tz", "-e TZ=ZONE, where the rootfs has /usr/share/zoneinfo"],
  ["--env-host", "name the variables that shall pass: -e NAME takes the caller's value"],
  ["--unsetenv --unsetenv-all", "of the caller's environment only what -e names passes"],
  ["--runtime --isolation", "minibox itself is the runtime"],
];

const COMMANDS: readonly Group[] = [
  [
    "exec attach",
    "on the host, nsenter -a -t PID COMMAND joins a running container; PID is that of its first process, and minibox state CONTAINER tells it",
  ],
  [
    "ps container list inspect top stats port events",
    "minibox state CONTAINER tells of one; each has a directory in /run/minibox (root's), and its processes are in the host's ps",
  ],
  ["pull push images image rmi search login logout tag save load history manifest", IMAGES],
  ["build buildx commit import export diff", `${IMAGES}; to change one, change the directory`],
  ["logs", "the command's output is minibox's own: redirect it (minibox run … >FILE 2>&1)"],
  ["stop", "minibox kill CONTAINER TERM asks its first process to end, and with KILL ends the container"],
  ["wait", "minibox run ends with its container, and has its exit code"],
  ["unpause", "it is resume here: minibox resume CONTAINER"],
  ["rm", "it is delete here: minibox delete CONTAINER; what minibox run makes, it removes itself"],
  ["restart rename update prune system", ONE_RUN],
  ["cp", "the container's root is the directory ROOTFS: copy there"],
  ["network volume", "minibox keeps none: see --network and -v of minibox run"],
  ["compose pod kube play swarm service stack node machine", `${ONE_RUN}: a script of several is a script`],
  ["info features", "minibox version names minibox; minibox run --trace shows what it does"],
  [
    "spec",
    "minibox writes no config.json; it makes the container of one that is there: minibox create --bundle DIR NAME",
  ],
  [
    "checkpoint restore",
    "minibox writes no container to the disk; minibox pause CONTAINER makes one stand still, until minibox resume CONTAINER",
  ],
];

const table = (groups: readonly Group[]): ReadonlyMap<string, string> =>
  new Map(groups.flatMap(([words, hint]) => words.split(" ").map((word) => [word, hint] as const)));

export const FLAGS_ELSEWHERE = table(FLAGS);
export const COMMANDS_ELSEWHERE = table(COMMANDS);
