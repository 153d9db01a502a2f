import { waitAfter } from "./backoff.js";
import { envelope, fitting } from "./batch.js";
import { post } from "./post.js";
import type { Store } from "./storage.js";
import { isFinal, isRefusal, outcomeAt, type Outcome } from "./verdict.js";

/** Events of one request; the collector takes 1,000. */
const BATCH_EVENTS_MAX = 500;
/** A burst of calls goes as one request. */
const GATHER_MS = 20;
/** When another tab is sending. */
const BUSY_MS = 500;
/** Until when to wait, epoch ms: for every tab and page of the site. */
const WAIT = "nv_w";

export interface Delivery {
  /** Send soon, if nothing is planned. */
  soon(): void;
  /** Send now, whatever the back-off says; done when this round is. */
  now(): Promise<void>;
  /** The page may end: send what no request carries yet. */
  leave(final: boolean): void;
}

/**
 * The road from the queue to the collector: one tab at a time, retries for ever, nothing removed before an answer. `cookieMode`: "" where nothing
 * may be sent; cookies go along where the collector is first-party; `omit`: an answer sets none either.
 */
export function createDelivery(
  store: Store,
  prefix: string,
  tab: string,
  goal: string,
  writeKey: string,
  cookieMode: () => RequestCredentials | "",
  settle: (key: string, outcome: Outcome) => void,
  log: (...what: unknown[]) => void,
): Delivery {
  let cookies = true;
  const flying = new Set<string>();
  let failures = 0;
  let count = BATCH_EVENTS_MAX;
  /** Where in the queue to begin: past an event that something before the collector can't stand. */
  let from = 0;
  let timer = 0;
  let running = false;
  /** Whether to send this page's own alone: neither at the start nor after a failure. */
  let own = false;

  const ready = (mine?: boolean): string[] =>
    store.named(prefix).filter((key) => cookieMode() && !flying.has(key) && (!mine || key.endsWith(tab)));

  /** Carry a batch off: its keys and its body. */
  const load = (mine?: boolean): [keys: string[], body: string] => {
    const waiting = ready(mine);
    from %= waiting.length;
    const keys = waiting.slice(from, from + count);
    const texts = fitting(keys.map((key) => store.get(key) || "{}"));
    keys.splice(texts.length);
    keys.forEach(flying.add, flying);
    return [keys, envelope(writeKey, Date.now(), texts)];
  };

  const send = async ([keys, body]: [string[], string]): Promise<void> => {
    const [status, retryAfter, said] = await post(goal, body, (cookies && cookieMode()) || "omit");
    keys.forEach(flying.delete, flying);
    log(body, status, said);
    // an origin that the site doesn't list may send, but not with cookies: then the answer can't be read
    if (!status) cookies = !cookies;
    const refusal = isRefusal(status);
    const final = refusal && isFinal(status, said);
    // one event that a filter dislikes holds up no other: half as many, in the end the one behind it
    if (refusal) count = keys.length >> 1 || (from++, 1);
    if (!final && !Array.isArray(said.rejected)) {
      store.set(WAIT, (Date.now() + waitAfter(++failures, retryAfter, Math.random())) as never);
      own = false;
      return soon();
    }
    failures = 0;
    store.erase(WAIT);
    if (!final || !keys[1]) {
      count = BATCH_EVENTS_MAX;
      keys.forEach((key, place) => settle(key, outcomeAt(place, said)));
    }
  };

  const drain = async (): Promise<void> => {
    const wait = (store.get(WAIT) as unknown as number) - Date.now();
    // longer than anybody may ask for: the clock was set back
    if (wait > 0 && wait < 4e6) return plan(wait);
    while (ready(own)[0]) {
      await send(load(own));
      if (failures) return;
    }
    own = true;
  };

  /**
   * What this page made it sends itself, at once. What others left (a page that ended, a crash, an outage) one tab sends
   * for all; without Web Locks (pages without https) more than one may, and the ids make one of it. In ordinary days no
   * lock is taken, for one that is let go while a page ends keeps it out of the back-forward cache.
   */
  const run = async (): Promise<void> => {
    if (running) return;
    running = true;
    try {
      await (own ? drain() : navigator.locks.request("nv", { ifAvailable: true }, (lock) => (lock ? drain() : plan(BUSY_MS))));
    } catch {
      await drain(); // no locks here: no https, or an opaque origin
    }
    running = false;
    if (ready(own)[0]) soon();
  };

  const plan = (delay: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = 0;
      run();
    }, delay);
  };
  const soon = (): void => void (timer || plan(GATHER_MS));

  return {
    soon,
    now() {
      store.erase(WAIT);
      return run();
    },
    leave(final) {
      while (ready(true)[0]) {
        const batch = load(true);
        // an answer may set no cookie without consent, which a beacon can't refuse
        if (!final || cookieMode() === "omit" || !navigator.sendBeacon(goal, batch[1])) return void send(batch);
        // a page that comes back from the back-forward cache hasn't heard what became of it: it sends again
        setTimeout(() => batch[0].forEach(flying.delete, flying), 1);
      }
    },
  };
}
