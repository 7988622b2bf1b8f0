// Owns `minibox delete`.

import { deleteContainer, endSupervised } from "../container/delete.ts";
import { noSuchContainer, statusOf, tryOpenState } from "../container/state.ts";
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
    const isForced = given.get("force")?.[0] === "true";
    const directory = tryOpenState(id);
    if (!directory) {
      if (isForced) return 0;
      throw noSuchContainer(id);
    }
    if (!isForced) checkStatus("delete", id, statusOf(directory.state));
    if (directory.state.owner === "supervisor") endSupervised(directory);
    else deleteContainer(directory, note);
    return 0;
  },
};
