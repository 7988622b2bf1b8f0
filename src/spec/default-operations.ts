// Owns what the default mounts come to, worked out when minibox is built. Import it `with { type: "macro" }`: the function
// then runs in the bundler, and its text stands where the call was (8 page faults less in a start).

import { stringify } from "../json.ts";
import { defaultSpec } from "./default.ts";
import { mountOperations } from "./mount-operations.ts";

/** The operations of DEFAULT_MOUNTS, where there is no label for them, as JSON. */
export const defaultOperations = (): string => stringify(mountOperations(defaultSpec("/", [])));
