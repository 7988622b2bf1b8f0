// An ordinary user's containers on a delegated cgroup v2, with newuidmap, and root's user namespaces there: in one
// virtual machine.

import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { factsOf, PREAMBLE, reasonWithoutMachine } from "../support/machine.ts";
import { execute, rootfs } from "../support/minibox.ts";

setDefaultTimeout(20 * 60_000);

const ROOTS = "R=/mnt/facts/rootfs O=/mnt/facts/own\n";

/** As uid 1000, in a cgroup of its own below one that was delegated to it. */
const AS_USER = `own=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
fact maps run $R sh -c 'cat /proc/self/uid_map /proc/self/setgroups | tr -s " \\n" " "'
fact user run -u 1000:100 $R id
fact memory run -m 16m $R tail /dev/zero
fact pids run --pids-limit 5 $R sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait'
fact cpuset run --cpuset-cpus 0 $R nproc
fact cpus run --cpus 0.5 $R true
fact unlimited run $R sh -c 'cat /proc/self/cgroup; ls /sys/fs/cgroup/cgroup.procs'
fact overlay run --overlay $O sh -c 'echo new >/etc/passwd; rm /bin/vi; cat /etc/passwd; ls /bin/vi'
fact terminal run -t $R tty
# in a cgroup of its own, as in a scope of systemd's: alone there, and with a shell
scope=\${own%/*}/scope
mkdir $scope
inScope() { (echo $BASHPID >$scope/cgroup.procs && "$@"); }
alone() { exec /minibox/minibox run "$@"; }
fact crowd inScope run -m 16m $R true
fact scope inScope alone -m 16m $R tail /dev/zero
fact controllers cat $scope/cgroup.subtree_control
fact left find /sys/fs/cgroup -path '*/minibox/*' -type d
fact states ls /run/user/1000/minibox
`;

/** As root, where every mount of the host is shared. */
const AS_ROOT = `fact mounts-before sh -c 'wc -l </proc/self/mountinfo'
fact mapped run --userns 200000:300000:65536 -m 64m -v /root:/mnt $R sh -c 'stat -c %u /bin; touch /made; tr -s " " </proc/self/uid_map'
fact made stat -c %u $R/made
fact limit run --userns 200000:300000:65536 -m 16m $R tail /dev/zero
fact opaque run --userns 200000:300000:65536 --overlay $R true
# where nobody above hands anything down, and for a user to whom nothing was delegated
for level in /user.slice/user-1000/scope/minibox /user.slice/user-1000/scope /user.slice/user-1000/minibox /user.slice/user-1000 /user.slice /minibox ""; do
  for controller in cpuset cpu io memory pids; do echo -$controller >/sys/fs/cgroup$level/cgroup.subtree_control; done
done
fact none cat /sys/fs/cgroup/cgroup.subtree_control
fact counted run $R sh -c 'cd /sys/fs/cgroup; ls memory.current pids.current cpu.max io.stat; cat pids.current; true'
mkdir /sys/fs/cgroup/plain
asPlain() { (echo $BASHPID >/sys/fs/cgroup/plain/cgroup.procs && exec setpriv --reuid 1000 --regid 1000 --clear-groups "$@"); }
fact plain asPlain /minibox/minibox run $R sh -c 'cat /proc/self/cgroup; grep " /sys/fs/cgroup " /proc/self/mounts | cut -d " " -f 3,4 | cut -d , -f 1; ls /sys/fs/cgroup/pids.current; mkdir /sys/fs/cgroup/x'
fact layers run --userns 200000:300000:65536 --overlay $R sh -c 'touch /other; grep -c " / " /proc/self/mounts'
mkfifo /tmp/followed
chmod 666 /tmp/followed
follow() {
  setpriv --reuid 1000 --regid 1000 --init-groups env XDG_RUNTIME_DIR=/run/user/1000 bash -c "/minibox/minibox run -m 16m $R true 2>&1
    echo end; read -r _ </tmp/followed; /minibox/minibox run -m 16m $R tail /dev/zero" | while IFS= read -r line; do
    echo "$line"
    case $line in *'that is yours: '*) advice=\${line#*that is yours: } ;; end) eval "$advice"; echo >/tmp/followed ;; esac
  done
}
fact follow follow
fact mounts-after sh -c 'wc -l </proc/self/mountinfo'
`;

const reason = reasonWithoutMachine();
let facts = new Map<string, string>();

beforeAll(async () => {
  if (reason) return;
  const directory = mkdtempSync("/tmp/minibox-facts-");
  chmodSync(directory, 0o755);
  for (const name of ["rootfs", "own"]) await execute(["cp", "-a", rootfs("busybox"), join(directory, name)]);
  await execute(["chown", "-R", "-h", "1000:1000", join(directory, "own")]);
  writeFileSync(join(directory, "user.sh"), PREAMBLE + ROOTS + AS_USER);
  writeFileSync(join(directory, "root.sh"), PREAMBLE + ROOTS + AS_ROOT);
  const line = "as-user bash /mnt/facts/user.sh; bash /mnt/facts/root.sh";
  facts = await factsOf(directory, ["--timeout", "600"], line);
  rmSync(directory, { recursive: true });
});

describe.skipIf(reason !== "")(`in the virtual machine${reason && `: ${reason}`}`, () => {
  const KILLED =
    "137 minibox: out of memory: the container reached the limit of 16777216 bytes (--memory) and was killed";

  test("an ordinary user has its subordinate ids", () => {
    expect(facts.get("maps")).toBe("0  0 1000 1 1 100000 65536 allow ");
    expect(facts.get("user")).toBe("0 uid=1000 gid=100");
  });

  test("its limits hold in the cgroup beside its own", () => {
    expect(facts.get("memory")).toBe(KILLED);
    expect(facts.get("pids")).toContain("can't fork: Resource temporarily unavailable");
    expect(facts.get("cpuset")).toBe("0 1");
    expect(facts.get("cpus")).toBe("0 ");
  });

  test("without limits it has a cgroup, too", () => {
    expect(facts.get("unlimited")).toBe("0 0::/|/sys/fs/cgroup/cgroup.procs");
  });

  test("and below its own, which is afterwards as it was", () => {
    expect(facts.get("crowd")).toBe("0 ");
    expect(facts.get("scope")).toBe(KILLED);
    expect(facts.get("controllers")).toBe("0 ");
  });

  test("a user with nothing delegated and no systemd gets advice that works", () => {
    expect(facts.get("follow")).toMatch(
      /^0 minibox: --memory cannot be enforced: the cgroup \/sys\/fs\/cgroup is not yours to write\|.*mkdir.*\|end\|minibox: out of memory: the container reached/,
    );
  });

  test("overlay and terminal work", () => {
    expect(facts.get("overlay")?.replace(/ minibox: [^|]*overlay[^|]*\|/, " ")).toBe(
      "1 new|ls: /bin/vi: No such file or directory",
    );
    expect(facts.get("terminal")).toStartWith("0 /dev/pts/0");
  });

  test("where nothing is delegated it sees its caller's cgroup, read-only", () => {
    expect(facts.get("plain")).toBe(
      "1 0::/|cgroup2 ro|/sys/fs/cgroup/pids.current|mkdir: can't create directory '/sys/fs/cgroup/x': Read-only file system",
    );
  });

  test("memory, pids, cpu and io are counted for root's containers, whatever was handed down before", () => {
    expect(facts.get("none")).toBe("0 ");
    expect(facts.get("counted")).toBe("0 cpu.max|io.stat|memory.current|pids.current|2");
  });

  test("nothing is left", () => {
    expect(facts.get("left")).toBe("0 ");
    expect(facts.get("states")).toBe("0 ");
    expect(facts.get("mounts-after")).toBe(facts.get("mounts-before")!);
  });

  test("root's --userns maps the rootfs too, and keeps the limits", () => {
    expect(facts.get("mapped")).toBe("0 0| 0 200000 65536");
    expect(facts.get("made")).toBe("0 0");
    expect(facts.get("limit")).toBe(KILLED);
    expect(facts.get("opaque")).toMatch(/^0 (minibox: directories of the rootfs cannot be removed.*)?$/);
    expect(facts.get("layers")).toEndWith("1");
  });
});
