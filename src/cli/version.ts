// Owns `minibox version`.

import { version } from "../../package.json";
import type { Command } from "./commands.ts";
import { print } from "./report.ts";

export const command: Command = {
  meta: { name: "version", description: "Print the version" },
  args: {},
  run() {
    print(1, `minibox ${version}`);
    return 0;
  },
};
