const FIRST_MS = 1000;
/** Half of it at least. */
const LAST_MS = 120_000;
/** A collector that asks for more than this is not believed: its clock or its proxy is wrong. */
const ASKED_MAX_MS = 3_600_000;

/**
 * How long to wait before the next try, ms. `failures` counts from 1; `random` is in [0, 1).
 * Doubles from one second to one minute with half of it jitter, so that a thousand browsers do not come back at once;
 * `Retry-After` in seconds, as the collector gives it (RFC 9110 §10.2.3), is a minimum and gets jitter on top.
 */
export function waitAfter(failures: number, asked: string | null | undefined, random: number): number {
  const least = Math.min(ASKED_MAX_MS, (asked as unknown as number) * 1000);
  return least > 0 ? least + random * FIRST_MS : Math.min(LAST_MS, FIRST_MS * 2 ** failures) * (0.25 + random / 4);
}
