// --network: a container has a loopback of its own, or with `host` the network of the host.

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { attackRootfs } from "../support/attack.ts";
import { leavesNothing } from "../support/leftovers.ts";
import { execute, rootfs, run, scratchRootfs } from "../support/minibox.ts";

const busybox = rootfs("busybox");
leavesNothing();

/** What ping(8) does where it has no privilege: an echo request over icmp(7)'s datagram socket. */
const PING = `#include <arpa/inet.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <sys/socket.h>
int main(void) {
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
  struct icmphdr echo = { .type = ICMP_ECHO }, reply;
  int s = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
  if (s < 0 || sendto(s, &echo, sizeof echo, 0, (void *)&to, sizeof to) < 0) { perror("ping"); return 1; }
  if (recv(s, &reply, sizeof reply, 0) > 0 && reply.type == ICMP_ECHOREPLY) puts("answered");
  return 0;
}`;

describe("--network none, the default,", () => {
  test("has loopback only, and it is up", async () => {
    for (const flags of [[], ["--network", "none"], ["--network=none"]]) {
      const { stdout } = await run([
        ...flags,
        busybox,
        "sh",
        "-c",
        "ls /sys/class/net; ip -o addr; ip route",
      ]);
      expect(stdout).toMatch(/^lo\n1: lo {4}inet 127\.0\.0\.1\/8 scope host lo/);
      expect(stdout).not.toMatch(/^2:/m);
    }
    expect((await run([busybox, "ip", "link", "show", "lo"])).stdout).toMatch(/<LOOPBACK,UP,LOWER_UP>/);
  });

  test("lets processes of the container talk to each other", async () => {
    const script =
      "httpd -p 127.0.0.1:80 -h /etc; wget -q -O - http://127.0.0.1/group | head -1; ping -c 1 127.0.0.1 | grep -c ttl";
    expect((await run([busybox, "sh", "-c", script])).stdout).toBe("root:x:0:\n1\n");
  });

  test.each([
    ["root", []],
    ["a user namespace's root", ["--userns", "300000:300000:70000"]],
  ])("is open to every user, as in docker: port 80 and pings, made by %s", async (_, flags) => {
    const root = attackRootfs({ ping: PING });
    const script = "httpd -p 127.0.0.1:80 -h /etc; wget -q -O - http://127.0.0.1/group | head -1; /ping";
    const { stdout, stderr } = await run([...flags, "-u", "65534:65534", root.path, "sh", "-c", script]);
    expect([stdout, stderr]).toEqual(["root:x:0:\nanswered\n", ""]);
  });

  test("reaches nothing of the host's", async () => {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("host") });
    try {
      const get = ["wget", "-q", "-O", "-", `http://127.0.0.1:${server.port}/`];
      expect((await run([busybox, ...get])).status).not.toBe(0);
      expect((await run(["--network", "host", "--overlay", busybox, ...get])).stdout).toBe("host");
    } finally {
      server.stop(true);
    }
  });
});

describe("--network host", () => {
  test("sees the host's interfaces", async () => {
    const { stdout } = await run(["--network", "host", "--overlay", busybox, "ls", "/sys/class/net"]);
    expect(stdout.trim().split("\n").sort()).toEqual(readdirSync("/sys/class/net").sort());
  });

  test("leaves the host's settings alone", async () => {
    const names = ["ip_unprivileged_port_start", "ping_group_range"].map(
      (name) => `/proc/sys/net/ipv4/${name}`,
    );
    const host = names.map((name) => readFileSync(name, "utf8")).join("");
    expect((await run(["--network", "host", busybox, "cat", ...names])).stdout).toBe(host);
    await run([busybox, "true"]);
    expect(names.map((name) => readFileSync(name, "utf8")).join("")).toBe(host);
  });

  const hasNameServers = existsSync("/etc/resolv.conf");

  test.if(hasNameServers)(
    "has the host's name servers, read-only, where the rootfs has a place for them",
    async () => {
      const root = scratchRootfs();
      const host = readFileSync("/etc/resolv.conf", "utf8");
      const show = ["--network", "host", root, "sh", "-c", "cat /etc/resolv.conf; echo x >/etc/resolv.conf"];
      const first = await run(show);
      expect([first.stdout, first.stderr]).toEqual([
        host,
        "sh: can't create /etc/resolv.conf: Read-only file system\n",
      ]);
      writeFileSync(`${root}/etc/resolv.conf`, "nameserver 192.0.2.1\n");
      expect((await run(show)).stdout).toBe(host);
      expect(readFileSync(`${root}/etc/resolv.conf`, "utf8")).toBe("nameserver 192.0.2.1\n");
      expect((await run([root, "cat", "/etc/resolv.conf"])).stdout).toBe("nameserver 192.0.2.1\n");
    },
  );

  test.if(hasNameServers)("leaves alone what is no place for them", async () => {
    const root = scratchRootfs();
    const file = `${root}/etc/resolv.conf`;
    rmSync(file, { force: true });
    symlinkSync("../run/systemd/resolve/stub-resolv.conf", file);
    expect((await run(["--network", "host", root, "echo", "ok"])).stdout).toBe("ok\n");
    rmSync(`${root}/etc`, { recursive: true });
    expect((await run(["--network", "host", root, "echo", "ok"])).stdout).toBe("ok\n");
    expect(existsSync(`${root}/etc`)).toBe(false);
  });

  test("works on a rootfs that cannot be written, and a volume may cover the name servers", async () => {
    const root = scratchRootfs();
    const { stdout, stderr } = await execute([
      ...[
        "unshare",
        "-m",
        "sh",
        "-c",
        'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && $RUN --network host "$1" echo ok',
      ],
      "sh",
      root,
    ]);
    expect([stdout, stderr]).toEqual(["ok\n", ""]);
    const covered = await run([
      "--network",
      "host",
      "-v",
      "/etc/hostname:/etc/resolv.conf",
      root,
      "cat",
      "/etc/resolv.conf",
    ]);
    expect(covered.stdout).toBe(readFileSync("/etc/hostname", "utf8"));
  });

  test("any other network is refused", async () => {
    expect((await run(["--network", "bridge", busybox, "true"])).stderr).toStartWith(
      'minibox: --network: "bridge" is not one of none, host\n',
    );
  });
});
