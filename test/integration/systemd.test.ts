// Containers on a host with systemd, in its services, scopes and login sessions, root's and a user's: where their cgroups
// are, and whether their limits hold. All of it in one virtual machine.

import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { factsOf, PREAMBLE, reasonWithoutSystemd } from "../support/machine.ts";
import { execute, rootfs } from "../support/minibox.ts";

setDefaultTimeout(20 * 60_000);

/** What every script in the machine begins with; D is the directory of the cgroup that the script is in. */
const SETUP = `R=/mnt/facts/rootfs C=/sys/fs/cgroup PATH=$PATH:/minibox
D=$C$(sed -n 's/^0:://p' /proc/self/cgroup)
D=\${D%/}
# where NAME FLAGS…: starts a container, prints the directory of its cgroup, and ends it
where() {
  local name=$1 found
  shift
  minibox run --name $name "$@" $R sleep 1000 &
  until found=$(find $C -path "*/minibox/$name" -type d) && [[ $found && $(<$found/cgroup.procs) ]]; do [[ $(jobs -r) ]] || break; done
  echo "$found"
  kill $! 2>/dev/null
  wait $!
}
# left CGROUP: the controllers that it hands down, and cgroups of minibox's below it
left() { cat $1/cgroup.subtree_control; find $1 -name 'minibox*'; }
# service [-p PROPERTY…] SCRIPT: runs a script in a service of its own
service() { systemd-run -q --wait --pipe --setenv=SCRIPT="\${!#}" "\${@:1:$#-1}" bash /mnt/facts/job.sh; }
# session SCRIPT: runs a script as the ordinary user, in a session
session() { su -l user -c "SCRIPT='$1' bash /mnt/facts/job.sh"; }
`;

/** A unit whose commands run containers one after the other; the user's name is filled in. */
const UNIT = `[Service]
Type=oneshot
User=
Delegate=yes
ExecStartPre=/minibox/minibox run -m 32m /mnt/facts/rootfs true
ExecStart=/minibox/minibox run -m 32m /mnt/facts/rootfs true
ExecStartPost=/minibox/minibox run -m 32m /mnt/facts/rootfs true
`;

const SERVICES = `for user in root user; do
  sed "s/^User=.*/User=$user/" /mnt/facts/unit >/run/systemd/system/pre-$user.service
  fact pre-$user sh -c "systemctl start pre-$user; systemctl show -P Result pre-$user"
done
fact no-bus service -p User=user 'minibox run -m 16m $R true'
advice=$(service -p User=user 'minibox run -m 16m $R true' 2>&1 | sed -n 's/.*: \\(systemd-run.*\\) minibox run …/\\1/p')
fact no-bus-followed $advice -q --wait /minibox/minibox run -m 32m $R echo followed
fact crowd service -p User=user -p Delegate=yes 'minibox run --cpus 1 $R echo first; minibox run -m 16m $R tail /dev/zero; grep -c $$ $D/cgroup.procs; left $D'
fact at-once service -p User=user -p Delegate=yes 'for i in 1 2 3 4; do minibox run -m 32m --cpus 1 $R echo ok & done; wait; left $D'

DELEGATED='-p Delegate=yes -p MemoryMax=160M -p MemorySwapMax=0'
fact inside service $DELEGATED --unit=inside 'where inside; where limited -m 32m; where elsewhere --cgroup-parent /elsewhere/deep -m 32m'
fact inside-user service $DELEGATED --unit=inside-user -p User=user 'where inside; where limited -m 32m; minibox run --cgroup-parent /elsewhere $R true'
fact outside service 'where outside'
fact killed service $DELEGATED --unit=killed 'minibox run -m 1g $R tail /dev/zero; minibox run -m 16m $R tail /dev/zero'
fact cpuset service --unit=one-cpu -p Delegate=yes -p AllowedCPUs=0 'minibox run --cpuset-cpus 0-1 $R true; minibox run --cpuset-cpus 0 $R nproc'
`;

const OBSTACLES = `fact threaded service -p Delegate=yes --unit=threaded 'mkdir $D/threads; echo threaded >$D/threads/cgroup.type; minibox run -q $R echo ran; minibox run -m 32m $R true; minibox run --cgroup-parent /elsewhere -m 32m $R echo elsewhere; rmdir $D/threads; minibox run -m 32m $R echo followed'
advice=$(unshare -C minibox run -m 32m $R true 2>&1 | sed -n 's/.*: \\(unshare.*\\)minibox run ….*/\\1/p')
fact namespace unshare -C sh -c "minibox run -q $R echo ran; minibox run -m 32m $R true; $advice minibox run $R echo followed'"
fact descendants service -p Delegate=yes --unit=bounds 'echo 0 >$D/cgroup.max.descendants; minibox run -q $R echo ran; minibox run -m 32m $R true'
fact depth service -p Delegate=yes --unit=depth 'echo 1 >$D/cgroup.max.depth; minibox run -m 32m $R true; echo max >$D/cgroup.max.depth; minibox run -m 32m $R echo followed'
advice=$(unshare -m sh -c "mount -o remount,bind,ro $C; minibox run -m 32m $R true" 2>&1 | sed -n 's/.*: \\(mount -o .*\\)/\\1/p')
fact read-only unshare -m sh -c "mount -o remount,bind,ro $C; minibox run -q $R echo ran; minibox run -m 32m $R true; $advice; minibox run -m 32m $R echo followed"
# several starts at once each find that another one is just handing the controller down
fact first sh -c "for round in 1 2 3; do for controller in memory cpu pids cpuset; do echo -\\$controller >$C/minibox/cgroup.subtree_control; done; for i in 1 2 3 4 5 6 7 8; do minibox run -m 64m --cpus 1 --pids-limit 50 --cpuset-cpus 0 $R echo -n ok & done; wait; done"
`;

/** What the ordinary user finds after a login on a terminal. */
const LOGIN = `fact login-session loginctl show-session $XDG_SESSION_ID -p Type -p Class
fact login-cgroup cat /proc/self/cgroup
fact login-run run $R sh -c 'cat /proc/self/cgroup; tr -s " " </proc/self/uid_map'
fact login-terminal run -t $R tty
fact login-limit run -m 16m $R true
fact login-scope systemd-run -q --user --scope -p Delegate=yes /minibox/minibox run -m 16m $R tail /dev/zero
`;

const SESSIONS = `printf 'bash /mnt/facts/login.sh >/tmp/login 2>&1\\nexit\\n' | python3 -c 'import pty; pty.spawn(["login", "-f", "user"])' >/dev/null
cat /tmp/login
loginctl enable-linger user
systemctl start user@1000
fact session session 'minibox run -m 16m $R true; minibox run --cpuset-cpus 0 $R true'
advice=$(session 'minibox run -m 16m $R true' 2>&1 | sed -n 's/.*: \\(systemd-run.*\\)minibox run …/\\1/p')
fact session-followed session "$advice -q minibox run -m 16m \\$R tail /dev/zero"
fact scope session 'SCRIPT="where inside -m 32m" systemd-run -q --user --scope --unit=own -p MemoryMax=160M bash /mnt/facts/job.sh'
mkdir -p /run/systemd/system/user@.service.d
session 'minibox run --cpuset-cpus 0 $R true' 2>&1 | sed -n 's/.*the lines \\(\\[Service\\]\\) and \\(Delegate=[a-z ]*\\),.*/\\1\\n\\2/p' >/run/systemd/system/user@.service.d/override.conf
systemctl daemon-reload
systemctl restart user@1000.service
fact cpuset-followed session "$advice -q minibox run --cpuset-cpus 0 \\$R nproc"
fact left find $C -path '*/minibox/*' -type d ! -path '*/elsewhere/*'
`;

const reason = reasonWithoutSystemd();
let facts = new Map<string, string>();

beforeAll(async () => {
  if (reason) return;
  const directory = mkdtempSync("/tmp/minibox-facts-");
  chmodSync(directory, 0o755);
  await execute(["cp", "-a", rootfs("busybox"), join(directory, "rootfs")]);
  const write = (name: string, text: string): void => writeFileSync(join(directory, name), text);
  write("unit", UNIT);
  write("setup.sh", SETUP);
  write("job.sh", '. /mnt/facts/setup.sh\neval "$SCRIPT"\n');
  write("login.sh", [PREAMBLE, ". /mnt/facts/setup.sh\n", LOGIN].join(""));
  write("root.sh", [PREAMBLE, ". /mnt/facts/setup.sh\n", SERVICES, OBSTACLES, SESSIONS].join(""));
  facts = await factsOf(directory, ["--systemd", "--timeout", "900"], "bash /mnt/facts/root.sh");
  rmSync(directory, { recursive: true });
});

describe.skipIf(reason !== "")(`with systemd, in the virtual machine${reason && `: ${reason}`}`, () => {
  const own = (limit: number): string =>
    `minibox: out of memory: the container reached the limit of ${limit} bytes (--memory) and was killed`;
  const system = "/sys/fs/cgroup/system.slice";
  const lines = (name: string): string[] => (facts.get(name) ?? "").split("|");

  test("a unit's commands run containers with limits one after the other, root's and a user's", () => {
    expect(facts.get("pre-root")).toBe("0 success");
    expect(facts.get("pre-user")).toBe("0 success");
  });

  test("others in a delegated cgroup make room for limits, and are back afterwards", () => {
    // grep found the script in its cgroup, which hands no controller down and has nothing below it
    expect(lines("crowd")).toEqual(["0 first", own(16 << 20), "1"]);
    expect(lines("at-once")).toEqual(["0 ok", "ok", "ok", "ok"]);
  });

  test("a container stays below a delegated cgroup, with limits and without, unless --cgroup-parent says else", () => {
    expect(lines("inside").slice(0, 2)).toEqual([
      `143 ${system}/inside.service/minibox/inside`,
      `${system}/inside.service/minibox/limited`,
    ]);
    expect(lines("inside")[2]).toBe("/sys/fs/cgroup/elsewhere/deep/minibox/elsewhere");
    expect(lines("inside-user")).toEqual([
      `125 ${system}/inside-user.service/minibox/inside`,
      `${system}/inside-user.service/minibox/limited`,
      "minibox: --cgroup-parent: the cgroup /sys/fs/cgroup/elsewhere is not yours to write",
    ]);
    expect(facts.get("scope")).toEndWith("/user@1000.service/app.slice/own.scope/minibox/inside");
    expect(facts.get("outside")).toBe("143 /sys/fs/cgroup/minibox/outside");
  });

  test("whose limit was reached is told", () => {
    const above = `the container was killed, because all that is in the cgroup ${system}/killed.service reached its limit of ${160 << 20} bytes`;
    expect(lines("killed")).toEqual([`137 minibox: out of memory: ${above}`, own(16 << 20)]);
  });

  test("CPUs that the cgroup above does not have are refused", () => {
    expect(lines("cpuset")).toEqual([
      `0 minibox: --cpuset-cpus 0-1 cannot be enforced: the cgroup ${system}/one-cpu.service/minibox has only 0 (cpuset.cpus.effective)`,
      "1",
    ]);
  });

  test("a user without a session gets advice that works", () => {
    expect(facts.get("no-bus")).toMatch(
      /^125 minibox: --memory cannot be enforced: the cgroup .*\.service is not yours to write\|.* systemd-run --pipe --uid=1000 -p Delegate=yes minibox run …$/,
    );
    expect(facts.get("no-bus-followed")).toBe("0 followed");
  });

  test("a user's login on a terminal is a session of logind's, and runs containers", () => {
    expect(lines("login-session").toSorted()).toEqual(["0 Type=tty", "Class=user"]);
    expect(facts.get("login-cgroup")).toMatch(/^0 0::\/user\.slice\/user-1000\.slice\/session-\d+\.scope$/);
    expect(facts.get("login-run")).toBe("0 0::/| 0 1000 1| 1 100000 65536");
    expect(facts.get("login-terminal")).toStartWith("0 /dev/pts/0");
    expect(facts.get("login-limit")).toMatch(/^125 minibox: --memory cannot be enforced: /);
    expect(facts.get("login-scope")).toBe(`137 ${own(16 << 20)}`);
  });

  test("a user with a session and no scope gets advice that works", () => {
    expect(lines("session")[0]).toMatch(
      /^125 minibox: --memory cannot be enforced: .* is not yours to write$/,
    );
    expect(facts.get("session-followed")).toBe(`137 ${own(16 << 20)}`);
    expect(lines("session")[2]).toMatch(/^minibox: --cpuset-cpus cannot be enforced: /);
    expect(facts.get("cpuset-followed")).toBe("0 1");
  });

  test.each(["threaded", "namespace", "descendants", "read-only"])(
    "without limits a container runs: %s",
    (name) => {
      expect(lines(name)[0]).toMatch(/^\d+ ran$/);
    },
  );

  test("what keeps a cgroup from being made or entered is named, with advice that works", () => {
    expect(facts.get("threaded")).toMatch(
      /\|minibox: limits cannot be enforced: the cgroup .* is in a threaded part of the tree.*\|elsewhere\|followed$/,
    );
    expect(facts.get("namespace")).toMatch(
      /\|minibox: limits cannot be enforced: what is mounted on \/sys\/fs\/cgroup belongs to another cgroup namespace.*\|followed$/,
    );
    expect(facts.get("descendants")).toEndWith(
      `as ${system}/bounds.service/cgroup.max.descendants allows: 0`,
    );
    expect(facts.get("depth")).toContain(`than ${system}/depth.service/cgroup.max.depth allows: 1|followed`);
    expect(facts.get("read-only")).toMatch(
      /EROFS: .*\| {2}the cgroups on \/sys\/fs\/cgroup are .*\|followed$/,
    );
  });

  test("containers that start at once get a controller that nobody had handed down", () => {
    expect(facts.get("first")).toBe(`0 ${"ok".repeat(24)}`);
  });

  test("nothing is left", () => {
    expect(facts.get("left")).toBe("0 ");
  });
});
