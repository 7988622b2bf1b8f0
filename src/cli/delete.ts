// Owns `minibox delete`.

import { endContainer } from "../container/delete.ts";
import { removeStateless, removeUnreadable } from "../container/prune.ts";
import { openToAct, statusOf, tryOpenState } from "../container/state.ts";
import { checkStatus } from "../container/status.ts";
import { CONTAINER, type Command } from "./commands.ts";
import { note } from "./report.ts";

export const command: Command = {
  meta: { name: "delete", description: "Remove a container that has ended, or was not started yet" },
  args: {
    force: {
      type: "boolean",
      alias: "f",
      description: "end it first, and say nothing where it is not there",
    },
    CONTAINER,
  },
  run({ given, rest: [id = ""] }) {
    if (removeUnreadable(id)) return 0;
    const isForced = given.get("force")?.[0] === "true";
    const directory = isForced ? tryOpenState(id) : openToAct(id);
    if (!directory) {
      removeStateless(id);
      return 0;
    }
    if (!isForced) checkStatus("delete", id, statusOf(directory.state));
    endContainer(directory, note);
    return 0;
  },
};
