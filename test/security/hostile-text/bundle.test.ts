// Names and values in a bundle that would control a terminal: minibox shows them, and they do nothing; what it prints as
// JSON says the very same to a program.

import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { decode } from "../../../src/sys/bytes.ts";
import { BASE, type Change, create } from "../../support/bundle.ts";
import { uniqueName } from "../../support/container.ts";
import { bytes, HOSTILE, HOSTILE_LINE, harmIn, SHOWN, tell, told } from "../../support/hostile.ts";
import { leavesNothing } from "../../support/leftovers.ts";
import { MINIBOX, ROOT, rootfs, scratchDirectory, skipReason } from "../../support/minibox.ts";

setDefaultTimeout(30_000);
const reason = skipReason("busybox", "script");
const scratch = scratchDirectory();
leavesNothing();

const uts = { type: "uts" };
const network = { type: "network" };
const linux =
  (more: object, ...namespaces: { type: string }[]): Change =>
  (config) => ({
    ...config,
    linux: { namespaces: [...config.linux.namespaces, ...namespaces], ...more },
  });
const process =
  (more: object): Change =>
  (config) => ({ ...config, process: { ...config.process, ...more } });
const mounts =
  (...more: object[]): Change =>
  (config) => ({ ...config, mounts: [...config.mounts, ...more] });
const seccomp = (more: object): Change => linux({ seccomp: { defaultAction: "SCMP_ACT_ALLOW", ...more } });
const resources = (more: object): Change => linux({ resources: more });

describe.skipIf(reason !== "")("a bundle is refused with the name of its field, and a hostile", () => {
  test.each([
    ["version", (config) => ({ ...config, ociVersion: HOSTILE })],
    ["path of the root", (config) => ({ ...config, root: { path: HOSTILE } })],
    ["host name", (config) => ({ ...linux({}, uts)(config), hostname: HOSTILE + "x".repeat(64) })],
    ["key of an annotation", (config) => ({ ...config, annotations: { [HOSTILE]: 1 } })],
    ["command", process({ args: [HOSTILE, 1] }), "not shown"],
    ["working directory", process({ cwd: HOSTILE })],
    ["variable", process({ env: [HOSTILE] })],
    ["name of a limit", process({ rlimits: [{ type: HOSTILE, soft: 1, hard: 1 }] })],
    ["capability", process({ capabilities: { bounding: [HOSTILE] } })],
    ["id of a user", process({ user: { uid: HOSTILE, gid: 0 } })],
    ["destination of a mount", mounts({ destination: `/${HOSTILE}`, type: "nonesuch", source: "x" })],
    ["type of a mount", mounts({ destination: "/x", type: HOSTILE, source: "x" })],
    ["source of a bind", mounts({ destination: "/x", type: "bind", source: `/${HOSTILE}` })],
    ["option of a bind", mounts({ destination: "/x", type: "bind", source: "/tmp", options: [HOSTILE] })],
    ["option of a tmpfs", mounts({ destination: "/x", type: "tmpfs", options: [HOSTILE] })],
    ["type of a namespace", linux({}, { type: HOSTILE })],
    ["path of a namespace", linux({ namespaces: [{ type: "mount" }, { type: "pid", path: `/${HOSTILE}` }] })],
    ["sysctl", linux({ sysctl: { [HOSTILE]: "1" } }, network)],
    ["value of a sysctl", linux({ sysctl: { "net.core.somaxconn": HOSTILE } }, network), "not shown"],
    ["type of a device", linux({ devices: [{ path: "/dev/x", type: HOSTILE, major: 1, minor: 3 }] })],
    ["path of a device", linux({ devices: [{ path: HOSTILE, type: "c", major: 1, minor: 3 }] })],
    ["file of cgroup2", resources({ unified: { [HOSTILE]: "1" } })],
    ["list of CPUs", resources({ cpu: { cpus: HOSTILE } })],
    ["access to devices", resources({ devices: [{ allow: true, access: HOSTILE }] })],
    ["path of a cgroup", linux({ cgroupsPath: HOSTILE, resources: { pids: { limit: 9 } } }), "not shown"],
    ["propagation", linux({ rootfsPropagation: HOSTILE })],
    ["seccomp action", seccomp({ defaultAction: HOSTILE })],
    ["seccomp architecture", seccomp({ architectures: [HOSTILE] })],
    ["seccomp flag", seccomp({ flags: [HOSTILE] })],
    [
      "seccomp operator",
      seccomp({
        syscalls: [{ names: ["read"], action: "SCMP_ACT_LOG", args: [{ index: 0, value: 1, op: HOSTILE }] }],
      }),
    ],
    ["hook", (config) => ({ ...config, hooks: { prestart: [{ path: HOSTILE }] } }), "not shown"],
  ] as [string, Change, string?][])("%s", async (_, change, hidden = "") => {
    const { name, status, output } = await create(change);
    const said = decode(readFileSync(output));
    if (status === 0) await told(["delete", "--force", name]);
    expect(harmIn(said)).toEqual([]);
    if (hidden === "") expect(said).toMatch(SHOWN);
    if (hidden === "") expect(said).toMatch(/^minibox: [^\n]+\n(?: {2}[^\n]+\n)?$/);
  });

  test.each([
    ["text that is no JSON", `{"a": ${HOSTILE_LINE}`],
    ["key of JSON", `{"${HOSTILE_LINE}": 1}`],
    ["text that is JSON", `"${HOSTILE_LINE}"`],
  ])("%s", async (_, text) => {
    const bundle = `${scratchDirectory()}/b${HOSTILE}`;
    mkdirSync(bytes(bundle));
    writeFileSync(bytes(`${bundle}/config.json`), bytes(text));
    const { status, stderr } = await told(["create", "--bundle", bundle, "x"]);
    expect([status, harmIn(stderr)]).toEqual([125, []]);
    expect(stderr).toMatch(SHOWN);
  });
});

describe.skipIf(reason !== "")("JSON is ASCII, and a program reads what there is:", () => {
  const bundle = `${scratch}/b${HOSTILE}`;
  beforeAll(() => {
    const config = structuredClone(BASE);
    const annotations = { [HOSTILE]: HOSTILE, é: "日本" };
    mkdirSync(bytes(bundle));
    symlinkSync(rootfs("busybox"), bytes(`${bundle}/rootfs`));
    writeFileSync(bytes(`${bundle}/config.json`), JSON.stringify({ ...config, annotations }));
  });

  test("the state of a container", async () => {
    const name = uniqueName();
    // the container keeps these descriptors, and nobody waits for the end of a file
    const before = "exec >/dev/null 2>&1";
    expect((await told(["create", "--bundle", bundle, name], { before })).status).toBe(0);
    const { stdout } = await told(["state", name]);
    await told(["delete", "--force", name]);
    expect(harmIn(stdout)).toEqual([]);
    expect(JSON.parse(stdout)).toMatchObject({ bundle, annotations: { [HOSTILE]: HOSTILE, é: "日本" } });
    expect(stdout).toMatch(/^[\n -~]*$/);
  });

  test.each(["-", `${scratch}/attestation`])("an attestation", async (place) => {
    const mount = ["--mount", `type=tmpfs,destination=/${HOSTILE}`];
    const { stdout, stderr } = await told([
      "run",
      "--overlay",
      ...mount,
      "--attest",
      place,
      rootfs("busybox"),
      "true",
    ]);
    const text = place === "-" ? stdout : decode(readFileSync(place));
    expect([harmIn(text), stderr]).toEqual([[], ""]);
    const destinations = JSON.parse(text).mounts.map((mount: { destination: string }) => mount.destination);
    expect(destinations).toContain(`/${HOSTILE}`);
  });

  test.each(["text", "json"])(
    "a log of %s has the message as a person is told it, one line an error",
    async (format) => {
      const log = `${scratch}/log.${format}`;
      const { stderr } = await told(["--log", log, "--log-format", format, "run", HOSTILE, "true"]);
      const text = decode(readFileSync(log));
      expect([harmIn(text), text.split("\n").length]).toEqual([[], 2]);
      const message = format === "json" ? JSON.parse(text).msg : / msg="(.*)"\n/.exec(text)![1]!;
      expect(stderr).toStartWith(`minibox: ${message}\n`);
      expect(message).toMatch(SHOWN);
    },
  );
});

test.skipIf(reason !== "")("with colours, a terminal gets minibox's own escape sequences alone", async () => {
  const line = `${MINIBOX} --root ${ROOT} run $'a\\x9b2J\\x1b[31m\\xe2\\x80\\xae' true; ${MINIBOX} --root ${ROOT} state $'\\x1b[31m'`;
  const before = "export TERM=xterm SHELL=/bin/bash; unset NO_COLOR";
  const { stdout } = await tell(["script", "-qec", line, "/dev/null"], { before });
  const [red, dim, off] = ["\x1b[31m", "\x1b[2m", "\x1b[0m"];
  expect(stdout).toStartWith(
    `${red}minibox:${off} the rootfs a\\x9b2J\\x1b[31m\\u202e does not exist\r\n  ${dim}`,
  );
  expect(stdout).toEndWith(`${red}minibox:${off} the container "\\x1b[31m" does not exist\r\n`);
  const rest = stdout.replaceAll(
    /(?<=^|\r\n)\x1b\[31mminibox:\x1b\[0m|(?<=\n {2})\x1b\[2m|\x1b\[0m\r\n|\r\n/g,
    "",
  );
  expect(harmIn(rest)).toEqual([]);
});
