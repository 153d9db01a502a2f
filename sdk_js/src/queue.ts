import type { Store } from "./storage";

/** Events in wait at most; a page that makes more than this while offline must not eat the site's own storage. */
const EVENTS_MAX = 2000;

/**
 * Events waiting for the collector lie in one storage key each: only the tab that made an event writes its key, anybody
 * deletes it, so tabs never overwrite each other. Keys sort by time, tab and number (times of 1972 to 2059 have eight digits).
 */
export const keyOf = (prefix: string, now: number, tab: string, number: number): string =>
  prefix + now.toString(36) + tab + number.toString(36).padStart(6, "0");

/** The tab (the page load) that made the event of this key. */
export const tabOf = (key: string): string => key.slice(-12, -6);

/** Keep an event. A full disk, or too many events, costs the oldest ones; `lose` takes each of them away. */
export function enqueue(store: Store, prefix: string, key: string, seq: number, json: string, lose: (key: string) => void): void {
  const waiting = (): string[] => store.named(prefix, true);
  // counting is dear in a burst
  while (!(seq % 64) && waiting()[EVENTS_MAX]) lose(waiting()[0]!);
  while (!store.set(key, json) && waiting()[0]) lose(waiting()[0]!);
}
