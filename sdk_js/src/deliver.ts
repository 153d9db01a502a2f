import { waitAfter } from "./backoff";
import { envelope, fitting } from "./batch";
import { post } from "./post";
import { tabOf } from "./queue";
import type { Store } from "./storage";
import { isRefusal, outcomeAt, type Outcome } from "./verdict";

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
  const { locks } = navigator;
  let cookies = true;
  const flying = new Set<string>();
  let failures = 0;
  let count = BATCH_EVENTS_MAX;
  let timer = 0;
  let running = false;
  /** Whether to send what other pages left, too: at the start, and after a failure. */
  let all = true;

  const ready = (mine?: boolean): string[] =>
    cookieMode()
      ? store.named(prefix).filter((key) => !flying.has(key) && (!mine || tabOf(key) === tab))
      : [];

  /** Carry a batch off: its keys and its body. */
  const load = (mine?: boolean): [keys: string[], body: string] => {
    const keys = ready(mine).slice(0, count);
    const texts = keys.map((key) => store.get(key) || "{}");
    const size = fitting(texts);
    keys.splice(size);
    keys.forEach(flying.add, flying);
    return [keys, envelope(writeKey, Date.now(), texts.slice(0, size))];
  };

  const send = async ([keys, body]: [string[], string]): Promise<boolean | void> => {
    const [status, retryAfter, said] = await post(goal, body, (cookies && cookieMode()) || "omit");
    keys.forEach(flying.delete, flying);
    log(body, status, said);
    // an origin that the site doesn't list may send, but not with cookies: then the answer can't be read
    if (!status) cookies = !cookies;
    if (!said.rejected && !isRefusal(status)) {
      const wait = waitAfter(++failures, retryAfter, Math.random());
      store.set(WAIT, (Date.now() + wait) as never);
      return plan(wait);
    }
    failures = 0;
    store.erase(WAIT);
    if (isRefusal(status) && keys[1]) count = keys.length >> 1;
    else {
      count = BATCH_EVENTS_MAX;
      keys.forEach((key, place) => settle(key, outcomeAt(place, said)));
    }
    return true;
  };

  const drain = async (): Promise<void> => {
    const mine = !all;
    const wait = (store.get(WAIT) as unknown as number) - Date.now();
    all = true;
    // longer than anybody may ask for: the clock was set back
    if (wait > 0 && wait < 4e6) return plan(wait);
    while (ready(mine)[0]) if (!(await send(load(mine)))) return;
    all = false;
  };

  /**
   * What this page made it sends itself, at once. What others left (a page that ended, a crash, an outage) one tab sends
   * for all; without Web Locks (pages without https) more than one may, and the ids make one of it. In ordinary days no
   * lock is taken, for one that is let go while a page ends keeps it out of the back-forward cache.
   */
  const run = async (): Promise<void> => {
    if (running) return;
    running = true;
    await (all && locks
      ? locks.request("nv", { ifAvailable: true }, (lock) => (lock ? drain() : plan(BUSY_MS))).catch(drain) // an opaque origin has none
      : drain());
    running = false;
    if (!timer && ready(!all)[0]) plan(GATHER_MS);
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
        if (!final || cookieMode() === "omit") return void send(batch);
        // a page that comes back from the back-forward cache hasn't heard what became of it: it sends again
        setTimeout(() => batch[0].forEach(flying.delete, flying), 1);
        if (!navigator.sendBeacon(goal, batch[1])) return;
      }
    },
  };
}
