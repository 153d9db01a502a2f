/** The module build: `const netiv = init({ key, host })`. */
import { attempt } from "./attempt.js";
import { createClient, type Core, type Netiv } from "./client.js";
import { addressOf, type Options } from "./options.js";
import { watch } from "./watch.js";

export type { Consent } from "./consent.js";
export type { Netiv, Properties } from "./client.js";
export type { Options } from "./options.js";
export type { Verdict } from "./verdict.js";
export type * from "./generated/event.js";

const start = (options: Options): Core => {
  const core = createClient(options, addressOf(options, location.origin, options.events || "/v1/events"));
  if (options.auto !== "off") watch(core);
  return core;
};

/**
 * Starts the SDK. `host` is the collector's origin (its path prefix goes in `path`); default: the page's own. A page that is
 * only prepared is no visit yet: its calls wait until it is shown, and till then `visitorId()` is empty.
 */
export function init(options: Options): Netiv {
  if (!(document as any).prerendering) return start(options);
  const calls: Array<(core: any) => void> = [];
  let core: any;
  document.addEventListener("prerenderingchange", () => {
    core = start(options);
    calls.forEach((call) => attempt(() => call(core)));
  });
  return new Proxy({} as Netiv, {
    get: (_, verb: string) =>
      verb === "then" // `await init(…)` asks for it
        ? undefined
        : (...values: unknown[]) => {
            if (core) return core[verb](...values);
            if (verb === "visitorId") return "";
            return new Promise((resolve) => calls.push((started) => resolve(started[verb](...values))));
          },
  });
}
