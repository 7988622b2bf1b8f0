// Owns: an SELinux label that is named and not in force. A host's policy is nothing to play with: this one is a few
// types, loaded into a virtual machine of its own.

import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { factsOf, PREAMBLE, reasonWithoutMachine } from "../support/machine.ts";
import { execute, rootfs } from "../support/minibox.ts";

setDefaultTimeout(20 * 60_000);

/** In the order of the kernel's numbers (security/selinux/include/initial_sid_to_string.h); it insists on these. */
const INITIAL_SIDS =
  "kernel security unlabeled fs file file_labels init any_socket port netif netmsg node igmp_packet icmp_socket tcp_socket sysctl_modprobe sysctl sysctl_fs sysctl_kernel sysctl_net sysctl_net_unix sysctl_vm sysctl_dev kmod policy scmp_packet devnull".split(
    " ",
  );

/**
 * In CIL. Of a container_t only what it reads and becomes is decided here, and everything else is allowed: classes and
 * permissions that the policy does not name. A strict_t is one that no_new_privs keeps out.
 */
const POLICY = `(handleunknown allow) (mls true) (policycap nnp_nosuid_transition)
${INITIAL_SIDS.map((name) => `(sid ${name})`).join(" ")}
(sidorder (${INITIAL_SIDS.join(" ")}))
(class process (transition dyntransition)) (class process2 (nnp_transition)) (class file (read)) (classorder (process process2 file))
(sensitivity s0) (sensitivityorder (s0)) (category c1) (category c2) (categoryorder (c1 c2))
(sensitivitycategory s0 (range c1 c2)) (level low (s0)) (level high (s0 (range c1 c2)))
(user system_u) (userlevel system_u low) (userrange system_u (low high))
(role system_r) (role object_r) (userrole system_u system_r) (userrole system_u object_r)
(type kernel_t) (type container_t) (type strict_t) (type file_t) (type secret_t) (type container_file_t)
(roletype system_r kernel_t) (roletype system_r container_t) (roletype system_r strict_t)
(roletype object_r file_t) (roletype object_r secret_t) (roletype object_r container_file_t)
(context kernel_context (system_u system_r kernel_t (low high))) (context file_context (system_u object_r file_t (low low)))
${INITIAL_SIDS.map((name) => `(sidcontext ${name} ${name === "kernel" ? name : "file"}_context)`).join(" ")}
(fsuse xattr ext4 file_context) (fsuse trans tmpfs file_context) (fsuse trans devpts file_context)
(genfscon proc "/" file_context)
(allow kernel_t container_t (process (transition))) (allow kernel_t container_t (process2 (nnp_transition)))
(allow kernel_t strict_t (process (transition))) (allow strict_t file_t (file (read)))
(typeattribute any) (typeattributeset any (all)) (allow kernel_t any (file (read)))
(allow container_t self (file (read))) (allow strict_t self (file (read))) (allow container_t file_t (file (read))) (allow container_t container_file_t (file (read)))
`;

const SCRIPT = `${PREAMBLE}
R=/mnt/facts/rootfs label=/proc/self/attr/current
fact unloaded run --security-opt label=type:container_t $R echo ran
fact load dd bs=1M if=/mnt/facts/policy of=/sys/fs/selinux/load
echo 1 >/sys/fs/selinux/enforce
chcon system_u:object_r:secret_t:s0 $R/etc/passwd
type='--security-opt label=type:container_t'
fact host cat $label
fact mounts-before sh -c 'wc -l </proc/self/mountinfo'
fact label run $type $R sh -c "cat $label; sh -c 'cat $label'"
fact level run $type --security-opt label=level:s0:c1,c2 $R cat $label
fact init run --init $type $R cat $label
fact user run -u 1000 $type $R cat $label
fact denied run $type $R cat /etc/passwd
fact allowed run $R head -c 4 /etc/passwd
fact mount run $type $R grep -E '^(tmpfs /dev|shm|devpts) .*' /proc/mounts
fact overlay run --overlay $type --security-opt label=level:s0:c1,c2 $R sh -c "cat $label; echo; grep -o 'overlay / .*context=[^ ]*' /proc/mounts; echo new >/made && cat /made"
attested() { run --attest - "$@" $R true | grep selinuxLabel; }
fact attested attested $type
fact unlabelled attested
fact strict run --security-opt label=type:strict_t --security-opt no-new-privileges=false $R cat $label
fact kept-out run --security-opt label=type:strict_t $R cat $label
fact unknown run --security-opt label=type:nonsense_t $R echo ran
fact mounts-after sh -c 'wc -l </proc/self/mountinfo'
fact left find /run/minibox /sys/fs/cgroup -path '*/minibox/*' -type d
`;

const reason = reasonWithoutMachine("secilc");
let facts = new Map<string, string>();

beforeAll(async () => {
  if (reason) return;
  const directory = mkdtempSync("/tmp/minibox-facts-");
  try {
    await execute(["cp", "-a", rootfs("busybox"), join(directory, "rootfs")]);
    writeFileSync(join(directory, "policy.cil"), POLICY);
    writeFileSync(join(directory, "facts.sh"), SCRIPT);
    const words = ["-o", "policy", "-f", "/dev/null", "-c", "33", "policy.cil"];
    const compiled = await execute(["secilc", ...words], { cwd: directory });
    expect([compiled.status, compiled.stderr]).toEqual([0, ""]);
    facts = await factsOf(
      directory,
      ["--kernel-flags", "security=selinux", "--timeout", "300"],
      ". /mnt/facts/facts.sh",
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});

describe.skipIf(reason !== "")(`an SELinux label, in the virtual machine${reason && `: ${reason}`}`, () => {
  const LABEL = "system_u:system_r:container_t:s0";
  // the kernel ends a label with a NUL, which bash drops
  const shown = (label: string) => `0 ${label}`;

  test("is refused where the kernel has SELinux and no policy: any would be taken, and confine nothing", () => {
    expect(facts.get("unloaded")).toStartWith(
      "125 minibox: an SELinux label is asked for, but no SELinux policy is loaded|",
    );
    expect(facts.get("load")).toStartWith("0 ");
    expect(facts.get("host")).toStartWith("0 system_u:system_r:kernel_t:s0-s0:c1,c2");
  });

  test("is in force for the command and its children, with --init, and for another user", () => {
    expect(facts.get("label")).toBe(shown(LABEL + LABEL));
    expect(facts.get("level")).toBe(shown(`${LABEL}:c1,c2`));
    expect(facts.get("init")).toBe(shown(LABEL));
    expect(facts.get("user")).toBe(shown(LABEL));
  });

  test("denies what the policy denies", () => {
    expect(facts.get("denied")).toBe("1 cat: can't open '/etc/passwd': Permission denied");
    expect(facts.get("allowed")).toBe("0 root");
  });

  test("comes with one for the file systems that are the container's own", () => {
    const lines = facts.get("mount")?.slice(2).split("|") ?? [];
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).toContain(",context=system_u:object_r:container_file_t:s0,");
  });

  test("comes with one for --overlay, whose writes the container owns", () => {
    const [label, mount, made] = facts.get("overlay")?.split("|") ?? [];
    expect([label, made]).toEqual([shown(`${LABEL}:c1,c2`), "new"]);
    expect(mount).toContain('context="system_u:object_r:container_file_t:s0:c1,c2"');
  });

  test("is in the attestation", () => {
    expect(facts.get("attested")).toBe(`0   "selinuxLabel": "${LABEL}",`);
    expect(facts.get("unlabelled")).toBe('0   "selinuxLabel": "system_u:system_r:kernel_t:s0-s0:c1,c2",');
  });

  test("that no_new_privs keeps out is told to be that, and is there without", () => {
    expect(facts.get("strict")).toBe(shown("system_u:system_r:strict_t:s0"));
    expect(facts.get("kept-out")).toStartWith("126 minibox: /bin/cat: EPERM: operation not permitted");
    expect(facts.get("kept-out")).toContain("nnp_transition");
  });

  test("that the policy does not know is told, and nothing runs or stays", () => {
    expect(facts.get("unknown")).toStartWith(
      "125 minibox: the SELinux label system_u:system_r:nonsense_t:s0 is not known to the policy of this host|",
    );
    expect(facts.get("left")).toBe("0 ");
    expect(facts.get("mounts-after")).toBe(facts.get("mounts-before")!);
  });
});
