// Owns `minibox state`.

import { ociState, openState, statusOf } from "../container/state.ts";
import { CONTAINER, type Command } from "./commands.ts";
import { print } from "./report.ts";

export const command: Command = {
  meta: { name: "state", description: "Print a container's state as JSON (runtime-spec)" },
  args: { CONTAINER },
  run({ rest: [id = ""] }) {
    const { state } = openState(id);
    print(1, `${JSON.stringify(ociState(state, statusOf(state)), null, 2)}\n`);
    return 0;
  },
};
