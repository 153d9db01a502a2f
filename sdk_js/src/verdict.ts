/** What became of one event. `sent`: the collector has it; `dropped`: it never will, and why. */
export interface Verdict {
  status: "sent" | "dropped";
  event_id: string;
  /** Why it was dropped: a code of the collector's, or `consent`, `quota`, `error`. */
  code?: string;
  pointer?: string;
  message?: string | undefined;
}

/** A verdict before it is known of which event. */
export type Outcome = Omit<Verdict, "event_id">;

export const SENT: Outcome = { status: "sent" };

export const dropped = (code: string, message?: string): Outcome => ({ status: "dropped", code, message });

/** The collector's answer to a batch: the status (0: no answer at all), Retry-After, the JSON body. */
export type Answer = [status: number, retryAfter: string | null | undefined, body: AnswerBody];

export interface AnswerBody {
  /** There, if only empty, where the collector has the events. No status says so: proxies and log-in pages answer 200, too. */
  rejected?: Array<{ index: number; code: string; pointer?: string; message?: string }>;
  error?: { code: string; message?: string; hint?: string };
}

/** Statuses that may concern a single event's content, and not the sender: fewer at once find the culprit. */
export const isRefusal = (status: unknown): boolean => /4[01][035]/.test(status as string);

/**
 * "This body, never": alone, the culprit is given up. Only in the collector's own words, whose errors have a hint: a filter, a proxy
 * or a captive portal is nobody's last word; and a key, an origin or a route can be mended on the server while events wait.
 */
export const isFinal = (status: number, { error }: AnswerBody): unknown => status - 403 && error && error.hint;

/** What became of the event at this place of a batch that was answered for good; a refused batch has one event. */
export function outcomeAt(place: number, { rejected, error }: AnswerBody): Outcome {
  const why = rejected ? rejected.find(({ index }) => index === place) : error;
  return why ? { ...why, status: "dropped" } : SENT;
}
