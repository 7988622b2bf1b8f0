// Owns `minibox kill`.

import { killAll, killContainer } from "../container/kill.ts";
import { openState, statusOf } from "../container/state.ts";
import { checkStatus } from "../container/status.ts";
import { UsageError } from "../errors.ts";
import { signalNumber } from "../sys/process.ts";
import { CONTAINER, type Command } from "./commands.ts";

export const command: Command = {
  meta: { name: "kill", description: "Send a signal to a container" },
  args: {
    all: { type: "boolean", alias: "a", description: "send it to every process, not only to the first" },
    CONTAINER,
    SIGNAL: { type: "positional", description: "name or number (default: TERM)", required: false },
  },
  run({ given, rest: [id = "", name = "TERM"] }) {
    const signal = signalNumber(name);
    if (signal === undefined) throw new UsageError(`kill: "${name}" is no signal: a name (TERM) or a number`);
    const { state } = openState(id);
    if (given.get("all")?.[0] === "true") {
      killAll(state, signal);
      return 0;
    }
    checkStatus("kill", id, statusOf(state));
    killContainer(state, signal);
    return 0;
  },
};
