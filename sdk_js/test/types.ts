/** What a page gets by `netiv.mjs` and its types. Compiled, never run. */
import { init, type Netiv, type Options, type Verdict } from "../dist/types/index";

const options: Options = { key: "wk_1", host: "https://collector.shop.example", consent: "required" };
export const netiv: Netiv = init(options);
export const verdict: Promise<Verdict> = netiv.track("signed_up", { plan: "gold" }, { email: "dana@example.com" });
export const id: string = netiv.visitorId();
netiv.order_completed({ id: "o1", value: 99.5, currency: "ILS", items: [{ sku: "a" }] });
netiv.touch({ kind: "call", channel: "Phone" });
netiv.on("dropped", ({ code }, event) => [code, event.event_id]);
netiv.consent({ analytics: true });
// @ts-expect-error: a name is text
netiv.track(7);
// @ts-expect-error: a misspelt field of an order
netiv.order_completed({ id: "o1", valeu: 99.5 });
// @ts-expect-error: no such answer
netiv.consent("perhaps");
