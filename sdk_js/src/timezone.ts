import { attempt } from "./attempt.js";
import type { Core } from "./client.js";

/** After the page has come to rest. */
const LATER_MS = 5000;

declare const Temporal: { Now: { timeZoneId(): string } } | undefined;

/**
 * The visitor's time zone. Temporal tells it for nothing; the first use of Intl costs a browser ten milliseconds and more,
 * which a page that is starting doesn't have: browsers without Temporal are asked in an idle moment long after.
 */
export function tellTimezone({ context }: Core): void {
  const tell = (zone: string): void => void (context.timezone = zone);
  const look = (): void => void attempt(() => tell(Intl.DateTimeFormat().resolvedOptions().timeZone));
  if (typeof Temporal === "object") return tell(Temporal.Now.timeZoneId());
  setTimeout(() => ("requestIdleCallback" in window ? requestIdleCallback(look) : look()), LATER_MS);
}
