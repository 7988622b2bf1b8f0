// Owns the options that stand before the command (`minibox --root DIR run …`).

import type { Flags } from "./argv.ts";

export const GLOBAL_FLAGS = {
  root: {
    type: "string",
    valueHint: "dir",
    description:
      "keep the containers' states in this directory, made where missing (default: /run/minibox, or the user's own)",
  },
  log: { type: "string", valueHint: "file", description: "append errors to this file, too" },
  "log-format": { type: "string", valueHint: "text|json", description: "form of the lines in that file" },
  debug: { type: "boolean", description: "accepted: run --trace shows what minibox does" },
  "systemd-cgroup": { type: "boolean", description: "make cgroups through systemd: not there yet" },
  help: { type: "boolean", alias: "h", description: "print this help, or a command's" },
  version: { type: "boolean", alias: ["v", "V"], description: "print the version" },
} as const satisfies Flags;
