/** The script build: starts from the script's own attributes, serves the calls made before it came, sets `window.netiv`. */
import { attempt } from "./attempt.js";
import { addressOf, type Options } from "./options.js";
import { createClient, type Core } from "./client.js";

/** A call made before this script had come: [verb, arguments, resolve]. */
type Early = [verb: "track", values: [string], resolve?: (value: unknown) => void];

/** The name of the automatic parts, with their hash: always those that this core was built with. */
declare const AUTO: string;
/** The path of the events, under which the collector serves this build. */
declare const EVENTS: string;

const page = window as unknown as { netiv: Partial<Core> & { q?: Early[] } };
// an `<img name="currentScript">` of somebody's is what the document gives then: no code is fetched from its address
const script = document.currentScript as HTMLScriptElement;

const run = (): void =>
  attempt(() => {
    const early = page.netiv || {};
    if (early.o || script.tagName !== "SCRIPT") return; // the page has the snippet twice
    const options = script.dataset as Options;
    const core = (page.netiv = createClient(options, addressOf(options, script.src, options.events || EVENTS)));
    // each for itself: a call that can't be made keeps no other away, nor the automatic parts
    (early.q || []).forEach(([verb, values, resolve = String]) => attempt(() => resolve(core[verb](...values))));
    if (options.auto === "off") return;
    const more = document.createElement("script");
    more.src = addressOf({}, script.src, AUTO);
    more.nonce = script.nonce;
    // a request takes a millisecond to begin: not in the task that starts the page's own
    setTimeout(() => document.head.append(more));
  });

// a page that is only prepared is no visit yet
if ((document as any).prerendering) document.addEventListener("prerenderingchange", run);
else run();
