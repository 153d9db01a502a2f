import { attempt, json, parsed } from "./attempt.js";
import { modeOf, readConsent, writeConsent, type Consent, type Mode } from "./consent.js";
import { openJar } from "./cookie.js";
import { createDelivery } from "./deliver.js";
import type { Event, Order, Touch } from "./generated/event.js";
import { makeId } from "./id.js";
import { landingAt } from "./landing.js";
import { readLink, takeLink } from "./linker.js";
import type { Options } from "./options.js";
import { enqueue, keyOf } from "./queue.js";
import { CONSENT, openStore } from "./storage.js";
import { dropped, SENT, type Outcome, type Verdict } from "./verdict.js";
import { ID, USER, openVisitor, type Visitor } from "./visitor.js";

export type Properties = Record<string, unknown>;
export type Sent = Promise<Verdict>;
type Handler = (verdict: Verdict, event: Event) => void;

/** Everything a page can call. A promise resolves with the collector's verdict; none ever rejects. */
export interface Netiv {
  page(properties?: Properties, context?: Properties): Sent;
  track(name: string, properties?: Properties, more?: Partial<Event>): Sent;
  identify(who: string | number | Partial<Event>, traits?: Properties): Sent;
  conversion(name: string, order?: Order, properties?: Properties): Sent;
  order_completed(order: Order, properties?: Properties): Sent;
  refund(order: Order, properties?: Properties): Sent;
  product_viewed(properties?: Properties): Sent;
  product_added(properties?: Properties): Sent;
  product_removed(properties?: Properties): Sent;
  cart_viewed(properties?: Properties): Sent;
  checkout_started(properties?: Properties): Sent;
  payment_info_entered(properties?: Properties): Sent;
  touch(touch: Touch, properties?: Properties): Sent;
  group(id: string | number, traits?: Properties): Sent;
  alias(userId: string | number, previousId: string | number): Sent;
  consent(answer: Consent): void;
  reset(): Sent;
  flush(): Promise<void>;
  on(what: Verdict["status"], then: Handler): void;
  visitorId(): string;
}

/** What the automatic parts get beside the public calls. */
export interface Core extends Netiv {
  o: Options;
  /** Who this is, and false where nothing may be handed over. */
  visitor(): Visitor | false;
  /** What the domains of a site know of this browser: the linker's key. */
  secret: string;
  listen(target: EventTarget, names: string, then: (event: any) => void): void;
  /** The address at the start. */
  landed: string;
  /** Called when the page may end, before delivery looks at the queue for the last time. */
  leaving: Array<() => void>;
  /** What else the context of every event says. */
  context: Properties;
}

const STEPS = "product_viewed product_added product_removed cart_viewed checkout_started payment_info_entered";

export function createClient(o: Options, url: string): Core {
  const doc = document;
  const at = location;
  const writeKey = o.key || "";
  const tab = makeId().slice(0, 6);
  const prefix = `nv_q${writeKey.slice(-6)}.`;
  const host = "." + new URL(url).hostname;
  const secret = writeKey + navigator.userAgent;
  const log = (...what: unknown[]): void => void (o.debug && console.debug("netiv", ...what));

  // nothing of ours may reach the page as an exception
  const listen: Core["listen"] = (target, names, then) =>
    names.split(" ").forEach((name) => target.addEventListener(name, (event) => attempt(() => then(event)), true));

  const [given, clean] = takeLink(at.href);
  const linked = given && readLink(given, Date.now(), secret);
  if (given) history.replaceState(history.state, "", clean);

  const store = openStore(() => localStorage);
  const visitor = openVisitor(store, openJar(doc, at.protocol === "https:"), at.hostname, linked, makeId);

  const resolvers: Record<string, (verdict: Verdict) => void> = {};
  const handlers: Array<[string, Handler]> = [];
  const tell = (event: Event, outcome: Outcome): void => {
    const event_id = event.event_id as string;
    const verdict = { event_id, ...outcome };
    handlers.forEach(([what, then]) => what === outcome.status && attempt(() => then(verdict, event)));
    (resolvers[event_id] || String)(verdict as never); // another page's event has none here
    delete resolvers[event_id];
  };
  const settle = (key: string, outcome: Outcome): void => {
    const text = store.get(key);
    // empty for a moment: so other tabs know it from a key that the page has removed
    store.set(key, "");
    store.erase(key);
    // told already: an answer that comes after a denial may have brought a cookie
    if (!text) return become();
    tell(parsed(text, {} as Event), outcome);
  };

  const objected = (o.gpc && (navigator as any).globalPrivacyControl) || (o.dnt && +navigator.doNotTrack!);
  let mode: Mode = "hold";
  let answer: Consent | undefined;
  let held: Array<() => void> = [];

  const delivery = createDelivery(
    store,
    prefix,
    tab,
    url,
    writeKey,
    // cookies go to the page's own host (they know no ports) and to others of its domain, as long as those answer
    () =>
      mode === "full" && host.endsWith("." + (visitor.domain || at.hostname))
        ? "include"
        : mode === "hold" || mode === "off"
          ? ""
          : "omit",
    settle,
    log,
  );

  const become = (): void => {
    answer = readConsent(answer);
    mode = modeOf(answer, o.consent, objected);
    store.useDisk(mode === "full");
    if (mode === "full") visitor.save();
    else if (answer || objected) visitor.forget();
    if (mode === "off") store.named(prefix).forEach((key) => settle(key, dropped("consent")));
    held.splice(0).forEach(attempt);
  };

  const emit = (type: Event["type"], fields?: Partial<Event>, context?: Properties): Sent => {
    const created_at = Date.now();
    const { href: url } = at;
    const { title, referrer } = doc;
    const event: Event = { event_id: makeId(), type };
    return new Promise((resolve) => {
      resolvers[event.event_id as string] = resolve;
      const write = (): void => {
        if (mode === "hold") return void held.push(write);
        try {
          if (mode === "off") return tell(event, dropped("consent"));
          const [, seq, , session_id, landing] = landingAt(store, created_at, url, referrer, makeId);
          const key = keyOf(prefix, created_at, seq, tab);
          const whole: Event = {
            ...event,
            visitor_id: visitor.id,
            user_id: store.get(USER) || o.user,
            session_id,
            created_at,
            seq,
            ...fields,
            context: {
              url,
              referrer,
              title,
              language: navigator.language,
              screen: screen.width + "x" + screen.height,
              consent: answer,
              page_id: tab,
              ...landing,
              ...core.context,
              ...context,
            } as Event["context"],
          };
          enqueue(store, prefix, key, seq, json(whole), (oldest) => settle(oldest, dropped("quota")));
          delivery.soon();
        } catch (error) {
          log(error);
          tell(event, dropped("error", "" + error));
        }
      };
      write();
    });
  };

  const track: Netiv["track"] = (name, properties, more) => emit("track", { name, properties, ...more });
  const conversion: Netiv["conversion"] = (name, order, properties) => emit("conversion", { name, order, properties });

  const core = {
    o,
    listen,
    leaving: [],
    context: {},
    visitor: () => mode === "full" && visitor,
    secret,
    landed: at.href,
    page: (properties, context) => emit("page", { properties }, context),
    track,
    identify(who, traits) {
      const ids = typeof who === "object" ? who || {} : { user_id: who };
      if (ids.user_id) store.set(USER, "" + ids.user_id);
      return emit("identify", { ...ids, properties: traits });
    },
    conversion,
    order_completed: (order, properties) => conversion("order_completed", order, properties),
    refund: (order, properties) => emit("refund", { order, properties }),
    touch: (touch, properties) => emit("touch", { touch, properties }),
    group: (group_id, traits) => emit("group", { properties: { group_id, ...traits } }),
    alias: (user_id, previous) => emit("alias", { user_id, identifiers: { user_id: previous } }),
    consent(said) {
      answer = said;
      writeConsent(said);
      become();
    },
    reset() {
      ready();
      const sent = track("logged_out");
      visitor.forget();
      become();
      return sent;
    },
    flush: () => (ready(), delivery.now()),
    on: (what, then) => void handlers.push([what, then]),
    visitorId: () => (ready(), visitor.id),
  } as Partial<Core> as Core;
  STEPS.split(" ").forEach((name) => ((core as any)[name] = (properties?: Properties) => track(name, properties)));

  // storage and cookies make the page wait for other processes: in tasks of their own, or when a call needs them
  let begun = false;
  const ready = (): void => {
    if (begun) return;
    begun = true;
    become();
    if (linked && linked !== visitor.id) emit("identify", { identifiers: { visitor_id: linked } });
    delivery.soon();
  };
  setTimeout(readConsent); // the first look at storage is the dear one
  setTimeout(ready);

  const leave = (final: boolean): void => {
    ready();
    core.leaving.forEach(attempt);
    delivery.leave(final);
  };
  listen(window, "pagehide", () => leave(true));
  // on the document: after the modules, which listen on the window and have something to say last
  listen(doc, "visibilitychange", () => (doc.hidden ? leave(false) : delivery.soon()));
  listen(window, "online", delivery.now);
  // another tab has an answer, or another visitor after a log-out; a page in the back-forward cache isn't told
  listen(window, "pageshow storage", ({ persisted, key, newValue }: PageTransitionEvent & StorageEvent) => {
    if (persisted || key === CONSENT || (key === ID && newValue)) become();
    else if (newValue === "" && key!.endsWith(tab)) settle(key!, SENT);
  });
  if (o.pages !== "off") core.page();
  return core;
}
