// Generated from the JSON Schema of schemas/event.py by scripts/event_types.py; edit that, not this.

/** Where the visit says it came from (the five UTM parameters). */
export interface Campaign {
  source?: string | null | undefined;
  medium?: string | null | undefined;
  name?: string | null | undefined;
  content?: string | null | undefined;
  term?: string | null | undefined;
}

/** The surroundings of an event. `ip` and `user_agent` are believed only with the secret key (else the request's). */
export interface Context {
  url?: string | null | undefined;
  referrer?: string | null | undefined;
  title?: string | null | undefined;
  user_agent?: string | null | undefined;
  ip?: string | null | undefined;
  language?: string | null | undefined;
  timezone?: string | null | undefined;
  screen?: unknown | undefined;
  campaign?: Campaign | null | undefined;
  click_ids?: Record<string, string | number | null> | null | undefined;
  consent?: unknown | undefined;
  active?: boolean | null | undefined;
}

/** One event. Only `type` and one identifier are needed. */
export interface Event {
  type: "alias" | "conversion" | "group" | "identify" | "page" | "refund" | "screen" | "touch" | "track";
  event_id?: string | number | null | undefined;
  name?: string | null | undefined;
  visitor_id?: string | number | null | undefined;
  user_id?: string | number | null | undefined;
  email?: string | null | undefined;
  phone?: string | number | null | undefined;
  identifiers?: Record<string, string | number | null> | null | undefined;
  session_id?: string | number | null | undefined;
  created_at?: string | number | null | undefined;
  sent_at?: string | number | null | undefined;
  properties?: Record<string, unknown> | null | undefined;
  context?: Context | null | undefined;
  touch?: Touch | null | undefined;
  order?: Order | null | undefined;
  seq?: number | null | undefined;
}

/** What was bought, or given back with `type: refund`. `value` in `currency` (ISO 4217). */
export interface Order {
  id?: string | number | null | undefined;
  value?: number | null | undefined;
  currency?: string | null | undefined;
  items?: Array<Record<string, unknown>> | null | undefined;
}

/** An explicit touchpoint: one that is no visit of the site. `cost` in the currency of the order or the site. */
export interface Touch {
  kind?: string | null | undefined;
  channel?: string | null | undefined;
  source?: string | null | undefined;
  medium?: string | null | undefined;
  campaign?: string | null | undefined;
  content?: string | null | undefined;
  term?: string | null | undefined;
  creative?: string | null | undefined;
  cost?: number | null | undefined;
}
