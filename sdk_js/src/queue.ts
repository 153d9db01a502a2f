import { utf8 } from "./attempt.js";
import { BATCH_BYTES_MAX } from "./batch.js";
import type { Store } from "./storage.js";

/** Events in wait at most; a page that makes more than this while offline must not eat the site's own storage. */
const EVENTS_MAX = 2000;

/**
 * Events waiting for the collector lie in one storage key each: only the tab that made an event writes its key, anybody
 * deletes it, so tabs never overwrite each other. Keys sort by time and number (times of 1972 to 2059 have eight digits, and
 * numbers from a billion six), and end in the tab (the page load) that made the event.
 */
export const keyOf = (prefix: string, now: number, number: number, tab: string): string =>
  prefix + now.toString(36) + (number + 1e9).toString(36) + tab;

/** Keep an event. A full disk, or too many events, costs the oldest ones; `lose` takes each of them away. */
export function enqueue(store: Store, prefix: string, key: string, seq: number, json: string, lose: (key: string) => void): void {
  if (utf8(json).length > BATCH_BYTES_MAX) throw "over 60 kB"; // than a request may carry: it would push others out
  const waiting = (onDisk?: boolean): string[] => store.named(prefix, onDisk);
  // counting is dear in a burst
  while (seq % 64 < 1 && waiting()[EVENTS_MAX]) lose(waiting()[0]!);
  while (!store.set(key, json) && waiting(true)[0]) lose(waiting(true)[0]!);
}
