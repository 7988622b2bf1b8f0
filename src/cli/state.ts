// Owns `minibox state`.

import { ociState, openState, statusOf } from "../container/state.ts";
import { CONTAINER, type Command } from "./commands.ts";
import { printJson } from "./report.ts";

export const command: Command = {
  meta: { name: "state", description: "Print a container's state as JSON (runtime-spec)" },
  args: { CONTAINER },
  run({ rest: [id = ""] }) {
    const { state } = openState(id);
    printJson(1, ociState(state, statusOf(state)));
    return 0;
  },
};
