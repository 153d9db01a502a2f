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
export type Answer = [status: number, retryAfter: string | null, body: AnswerBody];

export interface AnswerBody {
  /** There, if only empty, where the collector has the events. No status says so: proxies and log-in pages answer 200, too. */
  rejected?: Array<{ index: number; code: string; pointer?: string; message?: string }>;
  error?: { code: string; message?: string; hint?: string };
}

/**
 * Statuses that say "this body, never": send fewer at once to find the culprit, which alone may be given up. A wrong key or a missing
 * route can be mended on the server while events wait, so after 401, 403, 404 and all others events wait.
 */
export const isRefusal = (status: number): boolean => /4(00|13|15|22)/.test("" + status);

/** What became of the event at this place of a batch that was answered for good; a refused batch has one event. */
export function outcomeAt(place: number, { rejected, error }: AnswerBody): Outcome {
  const why = rejected ? rejected.find(({ index }) => index === place) : error || {};
  return why ? { ...why, status: "dropped" } : SENT;
}
