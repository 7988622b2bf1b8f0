// Owns the way from a bundle's config.json to the OCI object (runtime specification, bundle.md). Pure: the text comes in.

import { SpecError } from "../errors.ts";
import { parse } from "../json.ts";
import { isBindMount } from "./mount-options.ts";
import type { Mount, Spec } from "./types.ts";
import { validate } from "./validate.ts";

/**
 * Reads the text of the config.json in the directory `bundle`. A relative root.path stays as it is; the relative sources
 * of binds are made absolute. A byte order mark is skipped, and of equal keys the last counts, as in Go's encoding/json.
 * @throws SpecError with file and field
 */
export function specFromBundle(text: string, bundle: string): Spec {
  const file = `${bundle}/config.json`;
  try {
    const spec = validate(parseText(text.startsWith("\ufeff") ? text.slice(1) : text));
    return { ...spec, ...(spec.mounts && { mounts: spec.mounts.map((entry) => below(bundle, entry)) }) };
  } catch (error) {
    if (error instanceof SpecError) throw new SpecError(error.field, error.problem, file);
    throw error;
  }
}

function below(bundle: string, entry: Mount): Mount {
  const { type, options = [], source = "" } = entry;
  const isRelative = isBindMount(type, options) && !source.startsWith("/");
  return isRelative ? { ...entry, source: `${bundle}/${source}` } : entry;
}

/** JavaScript's parser says what is wrong, but not where. @throws SpecError */
function parseText(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new SpecError("", `is not JSON: ${error.message.replace(/^JSON Parse error: /, "")}`);
  }
}
