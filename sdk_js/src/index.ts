/** The module build: `const netiv = init({ key, host })`. */
import { createClient, type Netiv } from "./client";
import { addressOf, type Options } from "./options";
import { watch } from "./watch";

export type { Consent } from "./consent";
export type { Netiv, Properties } from "./client";
export type { Options } from "./options";
export type { Verdict } from "./verdict";
export type * from "./generated/event";

/** Starts the SDK. `host` is the collector's origin (its path prefix goes in `path`); default: the page's own. */
export function init(options: Options): Netiv {
  const core = createClient(options, addressOf(options, location.origin, options.events || "/v1/events"));
  if (options.auto !== "off") watch(core);
  return core;
}
