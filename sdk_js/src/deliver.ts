import { waitAfter } from "./backoff";
import { envelope, fitting } from "./batch";
import { post } from "./post";
import { tabOf } from "./queue";
import type { Store } from "./storage";
import { isRefusal, isSuccess, outcomeAt, type Outcome } from "./verdict";

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

/** What delivery needs from its client. */
export interface Outlet {
  store: Store;
  prefix: string;
  tab: string;
  url: string;
  writeKey: string;
  /** "": nothing may be sent. Cookies go along where the collector is first-party; `omit`: an answer sets none either. */
  credentials(): RequestCredentials | "";
  settle(key: string, outcome: Outcome): void;
  log(...what: unknown[]): void;
}

/** The road from the queue to the collector: one tab at a time, retries for ever, nothing removed before an answer. */
export function createDelivery({ store, prefix, tab, url, writeKey, credentials, settle, log }: Outlet): Delivery {
  const { locks } = navigator;
  let cookies = true;
  const flying = new Set<string>();
  let failures = 0;
  let count = BATCH_EVENTS_MAX;
  let timer = 0;
  let running = false;
  let left: () => void;

  const ready = (mine?: boolean): string[] =>
    credentials()
      ? store.keys(prefix).filter((key) => !flying.has(key) && (!mine || tabOf(key) === tab))
      : [];

  /** Carry a batch off: its keys and its body. */
  const load = (mine?: boolean): [keys: string[], body: string] => {
    const keys = ready(mine).slice(0, count);
    const texts = keys.map((key) => store.get(key) || "{}");
    const size = fitting(texts);
    keys.splice(size);
    keys.forEach((key) => flying.add(key));
    return [keys, envelope(writeKey, Date.now(), texts.slice(0, size))];
  };

  const send = async ([keys, body]: [string[], string]): Promise<boolean> => {
    const answer = await post(url, body, (cookies && credentials()) || "omit");
    const [status, retryAfter, said] = answer;
    keys.forEach((key) => flying.delete(key));
    log(body, status, said);
    // an origin that the site doesn't list may send, but not with cookies: then the answer can't be read
    if (!status) cookies = !cookies;
    if (!isSuccess(status) && !isRefusal(status)) {
      const wait = waitAfter(++failures, retryAfter, Math.random());
      store.set(WAIT, "" + (Date.now() + wait));
      plan(wait);
      return false;
    }
    failures = 0;
    store.remove(WAIT);
    if (isRefusal(status) && keys[1]) count = keys.length >> 1;
    else {
      count = BATCH_EVENTS_MAX;
      keys.forEach((key, place) => settle(key, outcomeAt(place, answer)));
    }
    return true;
  };

  const drain = async (): Promise<void> => {
    const wait = +(store.get(WAIT) || 0) - Date.now();
    // longer than anybody may ask for: the clock was set back
    if (wait > 0 && wait < 4e6) return plan(wait);
    while (ready()[0] && (await send(load())));
  };

  /**
   * One tab drains for all; the lock is let go when the page hides, so that no frozen tab keeps it. Without Web Locks
   * (pages without https) each tab drains; what two send at once the ids make one.
   */
  const run = async (): Promise<void> => {
    if (running) return;
    running = true;
    await (locks
      ? locks
          .request("nv", { ifAvailable: true }, (lock) =>
            lock ? Promise.race([drain(), new Promise<void>((done) => (left = done))]) : plan(BUSY_MS),
          )
          .catch(drain) // locks refused: an opaque origin
      : drain());
    running = false;
    if (!timer && ready()[0]) plan(GATHER_MS);
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
      store.remove(WAIT);
      return run();
    },
    leave(final) {
      left && left();
      while (ready(true)[0]) {
        const batch = load(true);
        if (!final || credentials() === "omit" || !navigator.sendBeacon) send(batch);
        else {
          // a page that comes back from the back-forward cache hasn't heard what became of it: it sends again
          setTimeout(() => batch[0].forEach((key) => flying.delete(key)), 1);
          if (!navigator.sendBeacon(url, batch[1])) break;
        }
      }
    },
  };
}
