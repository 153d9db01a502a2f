/** What a site may set: as `data-…` attributes of the script, or as an object for `init`. All text, all optional but `key`. */
export interface Options {
  /** The site's write key. */
  key?: string;
  /** Origin of the collector; default: where the script came from. */
  host?: string;
  /** Path prefix of the collector, as `/a`; default: the folder the script came from. */
  path?: string;
  /** Path of the events on the collector, after `path`; default `/v1/events`. */
  events?: string;
  /** `required`: nothing before consent. `cookieless`: events without storage before it. */
  consent?: string;
  /** Any value: Global Privacy Control counts as an objection. */
  gpc?: string;
  /** Any value: Do Not Track counts as an objection. */
  dnt?: string;
  /** Own domains, comma-separated: links and forms to them carry the visitor. */
  domains?: string;
  /** The user's id, where the server that made the page knows it. */
  user?: string;
  /** Print what is sent and the collector's verdict. */
  debug?: string;
  /** `off`: no automatic page views. */
  pages?: string;
  /** Any value: each change of the fragment is a page view; default: only `#/…` and `#!…`. */
  hash?: string;
  /** `off`: netiv-auto.js isn't loaded, so none of the parts below. */
  auto?: string;
  /** `off` switches one automatic part off. */
  links?: string;
  downloads?: string;
  forms?: string;
  engagement?: string;
}

/** The address of something of the collector's. `src` is the script's own. */
export const addressOf = (options: Options, src: string, name: string): string =>
  new URL((options.path || ".") + name, (options.host || src).replace(/^(?!.+:\/)/, "https://")).href;
