// What /etc/hosts says in a container.

import { expect, test } from "bun:test";
import { hostsText } from "../../../src/network/hosts.ts";

const LOOPBACK = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";

test("a rootfs without rows gets the loopback's and the container's name", () => {
  const text = hostsText("", "", "container");
  expect(text).toStartWith(LOOPBACK);
  expect(text).toEndWith("\n127.0.1.1\tcontainer\n");
});

test("the rootfs's own rows stay, also a last one without a newline", () => {
  expect(hostsText("127.0.0.1 localhost\n10.0.0.5 db", "", "box")).toBe(
    "127.0.0.1 localhost\n10.0.0.5 db\n127.0.1.1\tbox\n",
  );
  expect(hostsText("10.0.0.5 db\n", "", "box")).toStartWith(LOOPBACK);
});

test("the host's follow, once each", () => {
  expect(hostsText("127.0.0.1 localhost\n", "127.0.0.1 localhost\n192.0.2.1 gate\n\n", "box")).toBe(
    "127.0.0.1 localhost\n192.0.2.1 gate\n127.0.1.1\tbox\n",
  );
});

test("a name that is there already is not given twice", () => {
  for (const row of [
    "127.0.1.1 box",
    "127.0.1.1\tbox.example box\r",
    "192.0.2.7 other box # a comment",
    "192.0.2.7 a box#x",
    "  ::1 box",
  ]) {
    const text = `127.0.0.1 localhost\n${row}\n`;
    expect(hostsText(text, "", "box")).toBe(text);
  }
  for (const row of [
    "# 127.0.1.1 box",
    "127.0.1.1 boxer",
    "127.0.1.1 a-box",
    "box 127.0.1.1",
    "127.0.1.1 a # box",
  ])
    expect(hostsText(`127.0.0.1 localhost\n${row}\n`, "", "box")).toEndWith("\n127.0.1.1\tbox\n");
  expect(hostsText("", "", "localhost")).not.toContain("127.0.1.1");
});

test("a qualified name comes first, its first part after it", () => {
  expect(hostsText("", "", "a.example.org")).toEndWith("\n127.0.1.1\ta.example.org a\n");
  expect(hostsText("", "", ".a")).toEndWith("\n127.0.1.1\t.a\n");
});

test("a name that would be another row, or none, has no row", () => {
  for (const name of ["a b", "a\n10.0.0.1 gate", "a#b", "\t", "a\vb", "a\fb", "a\rb"])
    expect(hostsText("", "", name)).not.toContain("127.0.1.1");
});
