import { attempt } from "./attempt";
import type { Core } from "./client";

const LATER_MS = 1000;

/**
 * The visitor's time zone, for every event but the first ones: the first use of Intl costs a browser ten milliseconds
 * and more, which a page that is starting doesn't have.
 */
export function tellTimezone({ context }: Core): void {
  const look = (): void => void attempt(() => (context.timezone = Intl.DateTimeFormat().resolvedOptions().timeZone));
  if ("requestIdleCallback" in window) requestIdleCallback(look);
  else setTimeout(look, LATER_MS);
}
