import { attempt } from "./attempt.js";
import type { Core } from "./client.js";
import { LINK_PARAM, makeLink } from "./linker.js";

const within = (host: string, domain: string): boolean => !!domain && ("." + host).endsWith("." + domain);

/** Whether a host belongs to the page's site: its own, its registrable domain, or one of `data-domains`. */
export function isOwn({ o, visitor }: Core, host: string): boolean {
  const own = visitor();
  // hosts are told in lower case and punycode
  const given = (o.domains || "").split(/[\s,]+/).map((domain) => attempt(() => new URL("http://" + domain).hostname) || "");
  const domains = [own ? own.domain : "", ...given];
  return host === location.hostname || domains.some((domain) => within(host, domain));
}

/** Whether a link to this host has to carry the visitor: an own host that the visitor's cookie doesn't reach. */
export function isAbroad(core: Core, host: string): boolean {
  const own = core.visitor();
  return !!core.o.domains && isOwn(core, host) && host !== location.hostname && !(own && within(host, own.domain));
}

/** The address with the visitor in it, for two minutes. Without consent it stays as it is. */
export function linkTo({ visitor, secret }: Core, target: string): string {
  const to = new URL(target, location.href);
  const own = visitor();
  to.searchParams.delete(LINK_PARAM);
  if (own) to.searchParams.set(LINK_PARAM, makeLink(own.id, Date.now(), secret));
  return to.href;
}
