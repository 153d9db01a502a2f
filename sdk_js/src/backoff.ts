const FIRST_MS = 1000;
const LAST_MS = 60_000;
/** A collector that asks for more than this is not believed: its clock or its proxy is wrong. */
const ASKED_MAX_MS = 3_600_000;

/**
 * How long to wait before the next try, ms. `failures` counts from 1; `random` is in [0, 1).
 * Doubles from one second to one minute with half of it jitter, so that a thousand browsers do not come back at once;
 * `Retry-After` (seconds or an HTTP date, RFC 9110 §10.2.3) is a minimum and gets jitter on top.
 */
export function waitAfter(failures: number, asked: string | null, now: number, random: number): number {
  const own = Math.min(LAST_MS, FIRST_MS * 2 ** (failures - 1)) * (0.5 + random / 2);
  const seconds = asked ? +asked : 0;
  const least = seconds === seconds ? seconds * 1000 : Date.parse(asked as string) - now;
  return least > 0 ? Math.min(ASKED_MAX_MS, least) + random * FIRST_MS : own;
}
